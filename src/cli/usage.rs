//! Wrong command lines, and the reference that is made of the right ones.

use std::{ffi::OsString, fmt::Write as _, process::ExitCode};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{error::say, exit::Exit};

/// Prints help where it was asked for, or what is wrong with the command line.
pub(super) fn refuse(error: clap::Error, definition: &clap::Command) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        // A reader that went away is no error.
        let _ = error.print();
        return ExitCode::from(Exit::Done.code());
    }
    let text = error.render().ansi().to_string();
    let text = text
        .split("For more information, try")
        .next()
        .unwrap_or(&text);
    anstream::eprintln!("{}", text.trim_end());
    if let Some(variable) = guilty_variable(&error, definition) {
        say(
            "help",
            format!(
                "the value comes from the environment variable {variable}; set it right or unset it"
            ),
        );
    }
    if error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let command = command_of(std::env::args_os().skip(1), definition);
        say("help", format!("{command} --help"));
    }
    ExitCode::from(Exit::Usage.code())
}

/// The command that was meant.
fn command_of(arguments: impl Iterator<Item = OsString>, definition: &clap::Command) -> String {
    let mut command = definition;
    let mut words = vec![definition.get_name()];
    for argument in arguments {
        if let Some(subcommand) = command.find_subcommand(&argument) {
            command = subcommand;
            words.push(subcommand.get_name());
        }
    }
    words.join(" ")
}

/// The environment variable that the refused value came from: clap names only the flag.
fn guilty_variable(error: &clap::Error, definition: &clap::Command) -> Option<String> {
    let ContextValue::String(shown) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    let ContextValue::String(value) = error.get(ContextKind::InvalidValue)? else {
        return None;
    };
    let mut commands = vec![definition];
    while let Some(command) = commands.pop() {
        let from_variable = command
            .get_arguments()
            .filter(|argument| argument.to_string() == *shown)
            .filter_map(clap::Arg::get_env)
            .find(|name| std::env::var(name).is_ok_and(|set| set == *value));
        if let Some(name) = from_variable {
            return Some(name.to_string_lossy().into_owned());
        }
        commands.extend(command.get_subcommands());
    }
    None
}

/// Every command's help, in Markdown.
pub(super) fn reference(definition: clap::Command) -> String {
    let mut text = String::from(
        "# The command line\n\nWhat `--help` prints, command by command. A test compares this page with the program.\n",
    );
    let mut definition = definition.term_width(100);
    definition.build();
    section(&mut text, &mut definition);
    text
}

fn section(text: &mut String, command: &mut clap::Command) {
    let name = command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let help = lines.join("\n");
    // Writing to a string does not fail.
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.trim_end());
    for subcommand in command.get_subcommands_mut() {
        section(text, subcommand);
    }
}
