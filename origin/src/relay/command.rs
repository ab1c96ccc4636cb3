//! The command `origin outbox`: lists and retries messages that could not be delivered.

use std::process::ExitCode;

use clap::Args;

use crate::{
    audit::{self, Actor, Change},
    command_error::CommandError,
    outbox,
    platform::Platform,
};

/// Flags of `origin outbox`
#[derive(Args, Clone, Debug)]
pub struct OutboxArgs {
    /// Send them again; a running server delivers them
    #[arg(long)]
    pub retry: bool,
}

/// Runs `origin outbox`.
pub async fn outbox(platform: &Platform, args: &OutboxArgs) -> Result<ExitCode, CommandError> {
    if args.retry {
        let mut tx = platform.db.write().await?;
        let count = outbox::retry(&mut tx, platform.clock.now()).await?;
        let change = Change::new("outbox.retry", "outbox").to(&count);
        audit::record(&mut tx, platform.context(), &Actor::command(), &[change]).await?;
        tx.commit().await?;
        println!("{count} messages will be sent again");
        return Ok(ExitCode::SUCCESS);
    }
    let mut reader = platform.db.read().await?;
    let messages = outbox::list_parked(&mut reader).await?;
    for (id, topic, subject, attempts, error) in &messages {
        println!("{id}  {topic}  {subject}  tried {attempts} times: {error}");
    }
    println!("{} messages could not be delivered", messages.len());
    Ok(ExitCode::SUCCESS)
}
