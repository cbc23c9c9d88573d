//! `agent trust`: what the project's own file may set from now on, or may no longer.

use super::args::TrustArgs;
use super::failure::Failure;
use super::streams::Streams;
use crate::diag::printable;
use crate::model::ExitCode;
use crate::settings::{Layers, Trust};

pub(super) fn run(
    args: &TrustArgs,
    layers: &Layers,
    output: &mut Streams,
) -> Result<ExitCode, Failure> {
    let trust = Trust::of(layers)?;
    let text = if args.revoke {
        revoke(&trust)?
    } else {
        grant(&trust)?
    };
    output.data(&printable(&text)).map_err(Failure::stdout)?;
    Ok(ExitCode::SUCCESS)
}

fn grant(trust: &Trust) -> Result<String, Failure> {
    let project = trust.project.display();
    let Some((file, asking)) = &trust.asks else {
        return Ok(format!("no setting of {project} asks for trust\n"));
    };
    trust.grant()?;
    let mut lines = vec![format!("trusted {} as it is now:", file.display())];
    lines.extend(asking.iter().map(|asking| {
        let (name, value) = (asking.name, asking.value.replace('\n', "\\n"));
        format!("  {name} = {value}  # {}", asking.reason)
    }));
    Ok(lines.join("\n") + "\n")
}

fn revoke(trust: &Trust) -> Result<String, Failure> {
    let project = trust.project.display();
    Ok(if trust.revoke()? {
        format!("{project} is no longer trusted\n")
    } else {
        format!("{project} was not trusted\n")
    })
}
