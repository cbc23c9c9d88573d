//! Tables: aligned columns, or a list if the columns would get too narrow to read.

use super::span::{Kind, Line, Span, longest_word, spans_width, wrap};
use crate::diag::Palette;

/// The space between two columns.
const GAP: &str = "  ";

/// A column that must be broken gets at least so many columns; fewer hold two or three words.
const LEAST_COLUMNS: usize = 20;

/// Before the other cells of a row in a list.
const INDENT: &str = "    ";

/// The cells of a row.
pub(super) type Row = Vec<Vec<Span>>;

/// The lines of a table whose first row has the titles, in at most `columns`.
pub(super) fn table(mut rows: Vec<Row>, columns: usize, palette: &Palette) -> Vec<String> {
    for cell in rows.iter_mut().flatten() {
        bare(cell);
    }
    for span in rows.first_mut().into_iter().flatten().flatten() {
        span.kind = Kind::Strong;
    }
    match widths(&rows, columns) {
        Some(widths) => in_columns(&rows, &widths, palette),
        None => as_list(&rows, columns, palette),
    }
}

/// A cell of nothing but code, with commas between, needs no backticks.
fn bare(cell: &mut [Span]) {
    let is_bare = |span: &Span| span.kind == Kind::Code || span.text.trim() == ",";
    if !cell.iter().all(is_bare) {
        return;
    }
    for span in cell.iter_mut().filter(|span| span.kind == Kind::Code) {
        span.text = span.text.trim_matches('`').to_owned();
    }
}

/// The width of each column; `None` if one of them would be too narrow.
fn widths(rows: &[Row], columns: usize) -> Option<Vec<usize>> {
    let count = rows.iter().map(Vec::len).max()?;
    let widest = |of: fn(&[Span]) -> usize| -> Vec<usize> {
        let cells = |index| rows.iter().filter_map(move |row: &Row| row.get(index));
        (0..count)
            .map(|index| cells(index).map(|cell| of(cell)).max().unwrap_or(0))
            .collect()
    };
    let (natural, least) = (widest(spans_width), widest(longest_word));
    let room = columns.checked_sub(GAP.len() * (count - 1))?;
    let widths = share(&natural, &least, room)?;
    let readable = |(width, natural): (&usize, &usize)| width == natural || *width >= LEAST_COLUMNS;
    widths.iter().zip(&natural).all(readable).then_some(widths)
}

/// Columns that need less than an equal share of `room` get what they need, the others share what
/// is left, and no word is broken.
fn share(natural: &[usize], least: &[usize], room: usize) -> Option<Vec<usize>> {
    let mut widths: Vec<Option<usize>> = vec![None; natural.len()];
    loop {
        let taken: usize = widths.iter().flatten().sum();
        let left = room.checked_sub(taken)?;
        let open = widths.iter().filter(|width| width.is_none()).count();
        let Some(equal) = left.checked_div(open) else {
            return widths.into_iter().collect();
        };
        let still_open = || (0..widths.len()).filter(|index| widths[*index].is_none());
        let modest = still_open().find(|index| natural[*index] <= equal);
        let stubborn = still_open().find(|index| least[*index] > equal);
        let (index, width) = match (modest, stubborn) {
            (Some(index), _) => (index, natural[index]),
            (None, Some(index)) => (index, least[index]),
            (None, None) => (still_open().next()?, equal),
        };
        widths[index] = Some(width);
    }
}

fn in_columns(rows: &[Row], widths: &[usize], palette: &Palette) -> Vec<String> {
    let wrapped = rows.iter().map(|row| {
        let cells = row.iter().zip(widths);
        let cells = cells.map(|(cell, width)| wrap(cell, *width));
        cells.collect::<Vec<_>>()
    });
    let rows: Vec<Vec<Vec<Line>>> = wrapped.collect();
    // Broken at words, a column may need less than its share.
    let needed = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let lines = cells.flatten().map(|line| line.width);
        lines.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..widths.len()).map(needed).collect();
    let mut lines = Vec::new();
    for cells in &rows {
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        lines.extend((0..height).map(|index| side_by_side(cells, index, &widths, palette)));
    }
    lines
}

/// Line `index` of each cell, without spaces at the end.
fn side_by_side(cells: &[Vec<Line>], index: usize, widths: &[usize], palette: &Palette) -> String {
    let (mut text, mut missing) = (String::new(), 0);
    for (cell, width) in cells.iter().zip(widths) {
        if let Some(line) = cell.get(index) {
            text.push_str(&" ".repeat(missing));
            text.push_str(&line.painted(palette));
            missing = width.saturating_sub(line.width);
        } else {
            missing += width;
        }
        missing += GAP.len();
    }
    text
}

/// The first cell of each row, and the others below it, each with its title; with a single other
/// cell nobody needs to be told what it is.
fn as_list(rows: &[Row], columns: usize, palette: &Palette) -> Vec<String> {
    let Some((titles, rows)) = rows.split_first() else {
        return Vec::new();
    };
    let labels: Vec<Line> = match titles.as_slice() {
        [_, _] => vec![Line::default()],
        titles => titles
            .iter()
            .skip(1)
            .flat_map(|title| wrap(title, columns))
            .collect(),
    };
    let widest = labels.iter().map(|label| label.width).max().unwrap_or(0);
    let gap = if widest == 0 { "" } else { GAP };
    let room = columns.saturating_sub(INDENT.len() + widest + gap.len());
    let mut lines = Vec::new();
    for row in rows {
        let (first, others) = row.split_at(row.len().min(1));
        let first = first.iter().flat_map(|cell| wrap(cell, columns));
        lines.extend(first.map(|line| line.painted(palette)));
        for (label, cell) in labels.iter().zip(others) {
            for (index, line) in wrap(cell, room).iter().enumerate() {
                let label = if index == 0 { label } else { &Line::default() };
                let padding = " ".repeat(widest - label.width);
                let (label, line) = (label.painted(palette), line.painted(palette));
                lines.push(format!("{INDENT}{label}{padding}{gap}{line}"));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::page::block::spans;

    fn shown(rows: &[&[&str]], columns: usize) -> String {
        let cell = |text: &&str| spans(text);
        let rows = rows.iter().map(|row| row.iter().map(cell).collect());
        table(rows.collect(), columns, &Palette::PLAIN).join("\n")
    }

    const ROWS: &[&[&str]] = &[
        &["column", "type", "meaning"],
        &["`run_id`", "INTEGER", "The number of the run in this file."],
        &["`ts`", "", "When the run ended, in UTC."],
    ];

    #[test]
    fn a_table_that_fits_stands_in_columns() {
        insta::assert_snapshot!(shown(ROWS, 60), @"
        column  type     meaning
        run_id  INTEGER  The number of the run in this file.
        ts               When the run ended, in UTC.
        ");
    }

    #[test]
    fn a_column_of_prose_is_broken() {
        insta::assert_snapshot!(shown(ROWS, 40), @"
        column  type     meaning
        run_id  INTEGER  The number of the run
                         in this file.
        ts               When the run ended, in
                         UTC.
        ");
    }

    #[test]
    fn columns_that_would_be_narrow_become_a_list() {
        insta::assert_snapshot!(shown(ROWS, 30), @"
        run_id
            type     INTEGER
            meaning  The number of the
                     run in this file.
        ts
            meaning  When the run
                     ended, in UTC.
        ");
    }

    #[test]
    fn only_a_cell_of_nothing_but_code_loses_its_backticks() {
        let rows: &[&[&str]] = &[&["a", "b"], &["`x`, `y`", "`z` or more"]];
        assert_eq!(shown(rows, 40), "a     b\nx, y  `z` or more");
    }

    #[test]
    fn a_list_of_two_columns_needs_no_titles() {
        let rows: &[&[&str]] = &[
            &["message", "next step"],
            &["it cannot be installed", "Install it by hand."],
        ];
        assert_eq!(
            shown(rows, 30),
            "it cannot be installed\n    Install it by hand."
        );
    }

    #[test]
    fn two_columns_of_prose_share_the_room() {
        let rows: &[&[&str]] = &[
            &["what", "made by", "needed when"],
            &[
                "wheels",
                "a script that fetches them",
                "the Python there has no pytest",
            ],
        ];
        insta::assert_snapshot!(shown(rows, 56), @"
        what    made by                needed when
        wheels  a script that fetches  the Python there has no
                them                   pytest
        ");
    }
}
