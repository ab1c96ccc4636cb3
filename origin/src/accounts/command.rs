//! `origin user`: accounts of staff and owners, created from the command line. There is no default
//! account.

use std::{io::Read as _, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use shared::{
    account::{Right, Role},
    cache::Tag,
    id::UserId,
    locale::Locale,
};

use crate::{
    audit::{self, Actor, Change},
    command_error::CommandError,
    platform::Platform,
};

use super::{
    Accounts, Error,
    links::{self, Purpose},
    model,
    password::PasswordClient,
    second_factor,
    store::{self, NewUser},
};

/// Flags of `origin user`
#[derive(Args, Debug)]
pub struct UserArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Remove the second factor of somebody who has lost it
    ResetSecondFactor {
        /// The email address
        email: String,
    },

    /// Create an account or change its role; prints a link that sets the password
    Create {
        /// The email address
        email: String,

        /// The role: customer, staff or owner
        #[arg(long, default_value = "owner")]
        #[arg(value_parser = ["customer", "staff", "owner"])]
        role: String,

        /// The rights of staff, separated by commas: catalogue, orders, stock, customers, settings
        #[arg(long, value_delimiter = ',')]
        #[arg(value_parser = ["catalogue", "orders", "stock", "customers", "settings"])]
        rights: Vec<String>,

        /// A file with the password instead of the link; `-` is standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

/// Runs the command.
pub async fn run_user_command(
    accounts: &Accounts,
    args: UserArgs,
) -> Result<ExitCode, CommandError> {
    let failed = |error: Error| CommandError(error.to_string());
    let (email, role, rights, password_file) = match args.action {
        Action::ResetSecondFactor { email } => return reset_second_factor(accounts, &email).await,
        Action::Create {
            email,
            role,
            rights,
            password_file,
        } => (email, role, rights, password_file),
    };
    let email = model::email(&email).map_err(failed)?;
    let role = Role::from_name(&role).unwrap_or(Role::Customer);
    let rights: Vec<Right> = rights
        .iter()
        .filter_map(|it| Right::from_name(it))
        .collect();
    let password = password_file.map(|file| read(&file)).transpose()?;
    let hash = match password {
        Some(password) => {
            model::password(&password).map_err(failed)?;
            Some(
                accounts
                    .hasher
                    .hash(PasswordClient::Linked, password)
                    .await
                    .map_err(failed)?,
            )
        }
        None => None,
    };
    let link = hash.is_none();
    let token = save(accounts, &email, (role, rights), hash)
        .await
        .map_err(failed)?;
    println!("{email} is now {}.", role.as_str());
    if link {
        let base_url = &accounts.config.base_url;
        println!("Set the password within one hour: {base_url}/account/reset?token={token}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes the second factor of an account.
async fn reset_second_factor(platform: &Platform, email: &str) -> Result<ExitCode, CommandError> {
    let reset = async || {
        let mut reader = platform.db.read().await?;
        let stored = store::find_by_email(&mut reader, &model::email(email)?).await?;
        drop(reader);
        let user = stored.ok_or(Error::NotFound)?.account.id;
        second_factor::reset(platform, &Actor::command(), user).await
    };
    match reset().await {
        Ok(()) => {
            println!("{email} now signs in with the password alone.");
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::NotFound) => {
            let why = format!("no account {email} has a second factor");
            Err(CommandError(why))
        }
        Err(error) => Err(CommandError(error.to_string())),
    }
}

/// The first line of a file.
fn read(file: &std::path::Path) -> Result<String, CommandError> {
    let mut text = String::new();
    let done = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    done.map_err(|error| CommandError(format!("cannot read {}: {error}", file.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Saves the account and returns the token of a link that sets its password.
async fn save(
    accounts: &Accounts,
    email: &str,
    (role, rights): (Role, Vec<Right>),
    hash: Option<String>,
) -> Result<String, Error> {
    let now = accounts.clock.now();
    // The hash of a random password: verifying it takes as long as any other.
    let random_hash = accounts
        .hasher
        .hash(PasswordClient::Linked, crate::secret::token())
        .await?;
    let rights_given = rights.clone();
    let mut tx = accounts.db.write().await?;
    let id = match store::lock_by_email(&mut tx, email).await? {
        Some(mut known) => {
            known.account.role = role;
            known.account.rights = rights;
            known.password_hash = hash.unwrap_or(known.password_hash);
            store::save(&mut tx, &known, now).await?;
            // A changed role requires a new sign-in.
            super::end_all(accounts, &mut tx, known.account.id).await?;
            known.account.id
        }
        None => {
            let user = NewUser {
                email: email.to_owned(),
                name: String::new(),
                password_hash: hash.unwrap_or(random_hash),
                role,
                rights,
                locale: Locale::default(),
            };
            let id = UserId::new(accounts.ids.next(now));
            store::add(&mut tx, id, &user, now).await?;
            id
        }
    };
    let change = Change::new("user.role", format!("user:{id}")).to(&(role, rights_given));
    audit::record(&mut tx, accounts.context(), &Actor::command(), &[change]).await?;
    let token = links::add(&mut tx, Purpose::Reset, email, &(), now).await?;
    // Invalidates session caches of origins, although this process may use no Redis.
    let account = [Tag::Account(id.get())];
    accounts.changes.record(&mut tx, now, &account).await?;
    tx.commit().await?;
    Ok(token)
}

/// Sets the role of an account, as `origin user create` does.
pub async fn set_role_by_command(
    accounts: &Accounts,
    email: &str,
    role: &str,
    rights: &str,
) -> Result<(), CommandError> {
    let role = Role::from_name(role).ok_or_else(|| {
        CommandError(format!(
            "{role:?} is not a role: use customer, staff or owner"
        ))
    })?;
    let rights = rights.split(',').filter_map(Right::from_name).collect();
    let saved = save(accounts, email, (role, rights), None).await;
    saved
        .map(drop)
        .map_err(|error| CommandError(error.to_string()))
}
