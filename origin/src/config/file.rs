//! The settings as a file and as a list.

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

/// Replaces the defaults by the settings in a file. Each key is a flag's name with underscores.
pub fn with_file(mut command: Command, file: &str) -> Result<Command, String> {
    let table: toml::Table = file
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    for (key, value) in table {
        if setting(&command, &key).is_none() {
            return Err(format!(
                "unknown setting `{key}`; `origin --help` lists the settings"
            ));
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(yes) => yes.to_string(),
            _ => {
                return Err(format!(
                    "`{key}` must be a string, a whole number, true or false"
                ));
            }
        };
        command = command.mut_arg(key, |arg| arg.default_value(text));
    }
    Ok(command)
}

fn setting<'c>(command: &'c Command, key: &str) -> Option<&'c Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_id() == key && is_setting(arg))
}

fn is_setting(arg: &Arg) -> bool {
    arg.get_help_heading() == Some("Settings") && arg.get_id() != "config"
}

/// The effective settings as a file that would set them, each with its source. Passwords are
/// masked.
pub fn describe(command: &Command, matches: &ArgMatches, file_keys: &[String]) -> String {
    let mut text = String::new();
    for arg in command.get_arguments().filter(|arg| is_setting(arg)) {
        let key = arg.get_id().as_str();
        let from = match matches.value_source(key) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            Some(_) if file_keys.iter().any(|it| it == key) => "file",
            Some(_) => "default",
            None => "not set",
        };
        let raw = matches.get_raw(key).map(|values| {
            let values: Vec<_> = values.map(|it| it.to_string_lossy()).collect();
            values.join(",")
        });
        let line = match raw {
            Some(value) => {
                let value = mask(key, &value, arg.is_hide_env_values_set());
                let value = toml::Value::String(value);
                format!("{key} = {value}")
            }
            None => format!("# {key} ="),
        };
        text.push_str(&format!("{line:<60} # {from}\n"));
    }
    text
}

/// Masks the password of a URL, and a secret that is not a URL completely.
fn mask(key: &str, value: &str, secret: bool) -> String {
    // `NAME:KEY` could be parsed as a URL.
    if secret && !key.ends_with("_url") {
        return "***".to_owned();
    }
    match url::Url::parse(value) {
        Err(_) if secret => "***".to_owned(),
        Ok(mut url) if url.password().is_some() => {
            // Only a URL without a host makes this fail, and a URL with a password has one.
            let _ = url.set_password(Some("***"));
            url.to_string()
        }
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::config::Config;

    fn command() -> Command {
        Config::augment_args(Command::new("origin"))
    }

    #[test]
    fn a_file_replaces_defaults_and_a_flag_replaces_the_file() {
        let file = "shop_name = \"Teal\"\nlow_stock = 3\nlog = \"debug\"";
        let command = with_file(command(), file).unwrap();
        let matches = command
            .clone()
            .try_get_matches_from(["origin", "--log", "trace"])
            .unwrap();
        let keys = ["shop_name", "low_stock", "log"].map(str::to_owned);
        let text = describe(&command, &matches, &keys);
        for (key, value, from) in [
            ("shop_name", "\"Teal\"", "file"),
            ("low_stock", "\"3\"", "file"),
            ("log", "\"trace\"", "flag"),
            ("currency", "\"USD\"", "default"),
        ] {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{key} =")))
                .unwrap();
            assert!(line.contains(value) && line.ends_with(from), "{line}");
        }
    }

    #[test]
    fn passwords_are_masked() {
        let url = "mysql://shop:s3cret@db.example/shop";
        let matches = command()
            .try_get_matches_from([
                "origin",
                "--database-url",
                url,
                "--operator-token",
                "a:t0ken",
            ])
            .unwrap();
        let text = describe(&command(), &matches, &[]);
        assert!(
            !text.contains("s3cret") && !text.contains("t0ken"),
            "{text}"
        );
        assert!(text.contains("mysql://shop:***@db.example/shop"), "{text}");
    }

    /// No secret may be empty.
    #[test]
    fn an_empty_secret_is_an_error_that_names_its_setting() {
        for secret in [
            "--operator-token",
            "--edge-secret",
            "--stripe-secret-key",
            "--stripe-webhook-secret",
            "--token-keys",
            "--sealing-keys",
            "--cloudflare-token",
        ] {
            let id = secret.trim_start_matches('-').replace('-', "_");
            for empty in ["", " "] {
                let error = command()
                    .try_get_matches_from(["origin", secret, empty])
                    .unwrap_err()
                    .to_string();
                assert!(error.contains(secret), "{error}");
                assert!(error.contains("must not be empty"), "{error}");
                // A default from a file is checked like a flag.
                let file = with_file(command(), &format!("{id} = \"{empty}\"")).unwrap();
                let error = file.try_get_matches_from(["origin"]).unwrap_err();
                assert!(error.to_string().contains(secret), "{error}");
            }
        }
        let secrets = command();
        let hidden = secrets.get_arguments().filter(|it| {
            let id = it.get_id().as_str();
            is_setting(it)
                && (id.contains("secret") || id.ends_with("_token") || id.ends_with("_keys"))
        });
        assert_eq!(hidden.count(), 7, "a new secret is missing above");
    }

    /// Test payments have to be enabled, and on HTTPS, where real shoppers could be, twice.
    #[test]
    fn test_payments_on_https_need_a_second_setting() {
        let config = |more: &[&str]| {
            let args = ["origin", "--base-url", "https://shop.example"];
            let matches = command().get_matches_from(args.iter().chain(more));
            Config::from_arg_matches(&matches).unwrap()
        };
        assert_eq!(config(&[]).payment_methods, ["manual"]);
        assert!(config(&[]).check_payments().is_ok());
        let test = ["--payment-methods", "manual,test"];
        let error = config(&test).check_payments().unwrap_err();
        assert!(error.contains("--test-payments-on-https"), "{error}");
        let meant = [&test[..], &["--test-payments-on-https"]].concat();
        assert!(config(&meant).check_payments().is_ok());
        let plain = Config {
            base_url: "http://127.0.0.1:8080".to_owned(),
            ..config(&test)
        };
        assert!(plain.check_payments().is_ok());
    }

    #[test]
    fn a_mistyped_setting_is_named() {
        let error = with_file(command(), "shopname = \"Teal\"").unwrap_err();
        assert!(error.contains("`shopname`"), "{error}");
        assert!(
            with_file(command(), "low_stock = [1]")
                .unwrap_err()
                .contains("`low_stock`")
        );
    }

    #[test]
    fn every_setting_has_an_environment_variable_and_a_sentence() {
        for arg in command().get_arguments().filter(|arg| is_setting(arg)) {
            let expected = format!("MALLARD_{}", arg.get_id().as_str().to_uppercase());
            assert_eq!(
                arg.get_env().and_then(|name| name.to_str()),
                Some(expected.as_str())
            );
            assert!(arg.get_help().is_some(), "{}", arg.get_id());
        }
    }
}
