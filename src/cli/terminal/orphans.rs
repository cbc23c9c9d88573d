//! The texts of `agent orphans` and `agent why`.

use std::cmp::Reverse;

use super::palette::paint;
use super::text::{REPORT_COLUMNS, count, inline, push_line, width, wrap};
use crate::diag::{Palette, and_more};
use crate::model::scan::{
    ListedOrphan, OrphanReport, ScanReport, ScannedOrphan, WhyModule, WhyReport, WhyStep,
};
use crate::model::{Orphan, OrphanKind, OrphanStatus};

/// Problems and unresolved imports that a text lists; the JSON has more.
const LISTED: usize = 10;
/// Orphans that are named as leading to another one.
const LEADS: usize = 2;

/// The findings of a scan, by kind of orphan.
pub fn scan_report(report: &ScanReport, palette: &Palette) -> String {
    let mut text = String::new();
    push_line(&mut text, &headline(report, palette));
    for kind in OrphanKind::ALL {
        let of_kind = |orphan: &&ScannedOrphan| orphan.orphan.kind == kind;
        let mut orphans = report.orphans.iter().filter(of_kind).peekable();
        if orphans.peek().is_some() {
            push_line(&mut text, "");
            push_line(&mut text, &paint(palette.strong, meaning(kind)));
        }
        for orphan in orphans {
            push_orphan(&mut text, orphan, palette);
        }
    }
    if !report.apart.is_empty() {
        let files = count(report.apart.len() as u64, "file");
        let line = format!("{files} besides that are no modules of the application: --json");
        push_line(&mut text, "");
        push_line(&mut text, &paint(palette.faint, line));
    }
    if let Some(doubt) = doubt(report) {
        push_line(&mut text, "");
        for line in wrap(&doubt, REPORT_COLUMNS) {
            push_line(&mut text, &paint(palette.faint, line));
        }
    }
    push_problems(&mut text, report, palette);
    text
}

/// What keeps the list from being sure; `None` if runs show it all.
fn doubt(report: &ScanReport) -> Option<String> {
    let others = report.tests.checked_sub(report.shown_tests)?;
    if others == 0 || report.orphans.is_empty() {
        return None;
    }
    Some(if report.shown_tests == 0 {
        "no run shows yet what the tests load, so that imports and names in texts decide".to_owned()
    } else {
        format!(
            "runs show what {} of {} test files load; of the others, imports and names in texts decide",
            report.shown_tests, report.tests
        )
    })
}

fn headline(report: &ScanReport, palette: &Palette) -> String {
    let files = count(report.files, "file");
    let analysed = if report.analysed == report.files {
        "all analysed".to_owned()
    } else {
        let text = format!(
            "{} analysed ({:.1}%)",
            report.analysed, report.analysed_percent
        );
        paint(palette.warning, &text)
    };
    let isolated = |orphan: &&ScannedOrphan| orphan.orphan.kind == OrphanKind::Isolated;
    let isolated = report.orphans.iter().filter(isolated).count() as u64;
    let orphans = report.orphans.len() as u64 - isolated;
    let mut line = format!(
        "{files}, {analysed}: {} tested, {}",
        count(report.tested, "module"),
        count(orphans, "orphan")
    );
    if isolated > 0 {
        line.push_str(", ");
        line.push_str(&isolated.to_string());
        line.push_str(" isolated");
    }
    line
}

fn meaning(kind: OrphanKind) -> &'static str {
    match kind {
        OrphanKind::Unreferenced => "unreferenced: nothing imports them",
        OrphanKind::Island => "islands: only orphans import them",
        OrphanKind::Untested => "untested: the application reaches them, no test does",
        OrphanKind::Isolated => "isolated: nothing imports them, a test runs them otherwise",
    }
}

fn push_orphan(text: &mut String, scanned: &ScannedOrphan, palette: &Palette) {
    let Orphan { module, .. } = &scanned.orphan;
    let file = paint(palette.faint, inline(&module.file));
    push_line(text, &format!("  {}  {file}", inline(&module.name)));
    push_indented(text, &inline(&scanned.orphan.reason));
    if let Some(leads) = leads(&scanned.orphan) {
        push_indented(text, &leads);
    }
    if let Some(reason) = &scanned.suppressed {
        push_indented(text, &format!("suppressed: {}", inline(reason)));
    }
}

fn leads(orphan: &Orphan) -> Option<String> {
    let shown: Vec<String> = orphan
        .led_by
        .iter()
        .take(LEADS)
        .map(|file| inline(file).into_owned())
        .collect();
    let more = and_more(orphan.led_by.len() - shown.len());
    (!shown.is_empty()).then(|| format!("found through {}{more}", shown.join(", ")))
}

fn push_indented(text: &mut String, paragraph: &str) {
    for line in wrap(paragraph, REPORT_COLUMNS - 6) {
        push_line(text, &format!("      {line}"));
    }
}

fn push_problems(text: &mut String, report: &ScanReport, palette: &Palette) {
    let problems = report.problems.iter();
    let problems = problems.map(|it| match it.line {
        Some(line) => format!("{}:{line}: {}", it.file, it.problem),
        None => format!("{}: {}", it.file, it.problem),
    });
    let problems: Vec<String> = problems.collect();
    push_list(
        text,
        "not analysed",
        &problems,
        problems.len() as u64,
        palette,
    );
    let unresolved = report.unresolved.iter();
    let unresolved = unresolved.map(|it| format!("{}:{}: {}", it.file, it.line, it.name));
    let unresolved: Vec<String> = unresolved.collect();
    let title = "imports that lead to no file of the project";
    push_list(text, title, &unresolved, report.unresolved_total, palette);
}

fn push_list(text: &mut String, title: &str, lines: &[String], total: u64, palette: &Palette) {
    if lines.is_empty() {
        return;
    }
    push_line(text, "");
    push_line(text, &paint(palette.warning, format!("{title}: {total}")));
    for line in lines.iter().take(LISTED) {
        push_line(text, &format!("  {}", inline(line)));
    }
    let more = total.saturating_sub(LISTED as u64);
    if more > 0 {
        push_line(
            text,
            &paint(palette.faint, format!("  … {more} more: --json")),
        );
    }
}

/// The list of orphans: a line each, those that need attention first.
pub fn orphan_list(report: &OrphanReport, palette: &Palette) -> String {
    if report.orphans.is_empty() {
        return match report.scanned_at {
            Some(_) => "no orphan: a test reaches every module\n".to_owned(),
            None => "no list yet; `agent orphans scan --write` makes it, and so does `agent run`\n"
                .to_owned(),
        };
    }
    let mut orphans: Vec<&ListedOrphan> = report.orphans.iter().collect();
    orphans.sort_by_key(|listed| Reverse(urgency(listed.record.status)));
    let widest = orphans
        .iter()
        .map(|listed| width(&listed.record.orphan.module.name));
    let widest = widest.max().unwrap_or_default().min(REPORT_COLUMNS / 2);
    let mut text = String::new();
    for listed in orphans {
        let record = &listed.record;
        let name = inline(&record.orphan.module.name);
        let gap = " ".repeat(widest.saturating_sub(width(&name)));
        let style = match record.status {
            OrphanStatus::Failed | OrphanStatus::Crashed | OrphanStatus::TimedOut => {
                palette.warning
            }
            OrphanStatus::Passed | OrphanStatus::Integrated => palette.good,
            OrphanStatus::Untried | OrphanStatus::Redundant => palette.faint,
        };
        let status = match &listed.suppressed {
            Some(_) => "suppressed",
            None if record.held_back => "taken back",
            None => record.status.as_str(),
        };
        let run = record
            .last_tested_run
            .map(|run| format!("  run {run}"))
            .unwrap_or_default();
        let status = paint(style, format!("{status:<10}"));
        let kind = record.orphan.kind.as_str();
        push_line(
            &mut text,
            format!("{name}{gap}  {kind:<12}  {status}{run}").trim_end(),
        );
        if let Some(message) = &record.message {
            push_indented(&mut text, &inline(message));
        }
    }
    text
}

fn urgency(status: OrphanStatus) -> u8 {
    match status {
        OrphanStatus::Crashed | OrphanStatus::TimedOut | OrphanStatus::Failed => 2,
        OrphanStatus::Untried => 1,
        OrphanStatus::Passed | OrphanStatus::Redundant | OrphanStatus::Integrated => 0,
    }
}

/// The evidence for each module that a name means.
pub fn why_report(report: &WhyReport, palette: &Palette) -> String {
    let texts: Vec<String> = report
        .modules
        .iter()
        .map(|module| why_module(module, palette))
        .collect();
    texts.join("\n")
}

fn why_module(why: &WhyModule, palette: &Palette) -> String {
    let mut text = String::new();
    let name = paint(palette.strong, inline(&why.module.name));
    let file = paint(palette.faint, inline(&why.module.file));
    push_line(&mut text, &format!("{name}  {file}"));
    let verdict = match (why.verdict.as_str(), why.kind) {
        ("orphan", Some(kind)) => format!("orphan ({})", kind.as_str()),
        ("none", _) => "no module of the application".to_owned(),
        (verdict, _) => verdict.to_owned(),
    };
    let paragraph = format!("{verdict}: {}", inline(&why.reason));
    for line in wrap(&paragraph, REPORT_COLUMNS - 2) {
        push_line(&mut text, &format!("  {line}"));
    }
    if let Some(reason) = &why.suppressed {
        push_line(&mut text, &format!("  suppressed: {}", inline(reason)));
    }
    if !why.chain.is_empty() {
        push_line(&mut text, "");
    }
    for step in &why.chain {
        push_line(&mut text, &format!("  {}", step_line(step)));
    }
    if !why.chain.is_empty() {
        push_line(&mut text, &format!("  {}", inline(&why.module.name)));
    }
    if !why.importers.is_empty() {
        push_line(&mut text, "");
    }
    for importer in &why.importers {
        push_line(&mut text, &format!("  {}", step_line(importer)));
        if let Some(why_not) = &importer.why_not {
            push_indented(&mut text, &inline(why_not));
        }
    }
    text
}

fn step_line(step: &WhyStep) -> String {
    let file = inline(&step.module.file);
    let place = if step.line > 0 {
        format!("{file}:{}", step.line)
    } else {
        file.into_owned()
    };
    let how = match step.how.as_str() {
        "import" => "imports",
        "conditional" => "imports in a branch",
        "lazy" => "imports in a function",
        "never" => "imports in code that never runs",
        "elsewhere" => "imports in code for other systems",
        "package" => "is in the package",
        "conftest" => "is loaded with",
        "link" => "is a link to",
        _ => "names",
    };
    format!("{place} {how}")
}
