//! `procession completions` and `procession man`: what is made from the command's own picture.
//!
//! In: the picture, and a shell or a directory. Out: its completions, or a manual page for each subcommand. Always:
//! neither knows anything that the picture does not say.

use clap::{Args, Command};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Whose completions.
#[derive(Debug, Args)]
pub(crate) struct Shell {
    /// The shell
    shell: clap_complete::Shell,
}

/// Where the pages go.
#[derive(Debug, Args)]
pub(crate) struct Directory {
    /// The directory, such as /usr/local/share/man/man1; it must exist
    directory: PathBuf,
}

/// Prints them.
pub(crate) fn completions(
    options: &Shell,
    mut command: Command,
) -> Result<ExitCode, Box<dyn Error>> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut command, "procession", &mut text);
    crate::output::print(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes them.
pub(crate) fn man(options: &Directory, mut command: Command) -> Result<ExitCode, Box<dyn Error>> {
    command.build();
    write(&command, &options.directory, "procession")?;
    Ok(ExitCode::SUCCESS)
}

fn write(command: &Command, directory: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let mut page = Vec::new();
    // clap wants its names for ever; there are a dozen.
    let title: &'static str = name.to_owned().leak();
    clap_mangen::Man::new(command.clone().name(title)).render(&mut page)?;
    let path = directory.join(format!("{name}.1"));
    std::fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write(sub, directory, &format!("{name}-{}", sub.get_name()))?;
    }
    Ok(())
}
