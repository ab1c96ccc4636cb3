//! Sends e-mail through an SMTP server, or writes it into a mailbox folder. Knows no database.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt as _, stream};
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    address::Envelope,
    message::{Mailbox, MultiPart},
};
use ui::mail::Mail;

use crate::{email::EmailAddress, private_files};

/// A message to send.
#[derive(Clone, Debug)]
pub struct OutgoingMail {
    /// Its id, which becomes the `Message-ID`: a message that is sent twice can be recognized, and
    /// a mailbox folder holds it once.
    pub id: i64,
    /// The recipient's address.
    pub to: String,
    /// Subject and bodies.
    pub content: Mail,
}

/// The maximum number of concurrent SMTP deliveries.
const AT_ONCE: usize = 8;

/// Sends messages.
#[derive(Clone, Debug)]
pub struct Mailer {
    from: Mailbox,
    transport: MailTransport,
}

#[derive(Clone, Debug)]
enum MailTransport {
    /// One file per message, for development and tests.
    Folder(PathBuf),
    /// An SMTP server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl Mailer {
    /// A mailer with this sender address that uses the server at `smtp_url`, or else the folder.
    pub fn new(from: &str, smtp_url: Option<&str>, folder: PathBuf) -> Result<Self, String> {
        let from = from
            .parse()
            .map_err(|error| format!("{from:?} is not a valid sender: {error}"))?;
        let transport = match smtp_url {
            Some(url) => MailTransport::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(|error| format!("the SMTP address: {error}"))?
                    .build(),
            ),
            None => MailTransport::Folder(folder),
        };
        Ok(Self { from, transport })
    }

    /// Sends messages; the results are in the same order.
    pub async fn send(&self, mails: Vec<OutgoingMail>) -> Vec<Result<(), String>> {
        let messages: Vec<(i64, Result<Message, String>)> = mails
            .into_iter()
            .map(|mail| (mail.id, self.message(mail)))
            .collect();
        match &self.transport {
            MailTransport::Smtp(server) => {
                let sent = messages.into_iter().map(async |(_, message)| {
                    let message = message?;
                    let envelope = message.envelope().clone();
                    let sent = server.send(message).await;
                    sent.map(drop).map_err(|error| {
                        let error = without_addresses(&error.to_string(), envelope.to());
                        format!("the SMTP server: {error}")
                    })
                });
                stream::iter(sent).buffered(AT_ONCE).collect().await
            }
            MailTransport::Folder(folder) => {
                let (folder, count) = (folder.clone(), messages.len());
                let written = tokio::task::spawn_blocking(move || {
                    let write = |(id, message): (i64, Result<Message, String>)| {
                        write(&folder, id, &message?.formatted())
                            .map_err(|error| format!("the mailbox folder: {error}"))
                    };
                    messages.into_iter().map(write).collect()
                });
                let broken_off = |error| vec![Err(format!("the mailbox folder: {error}")); count];
                written.await.unwrap_or_else(broken_off)
            }
        }
    }

    /// Deletes the messages to this address from the mailbox folder, if there is one.
    pub async fn delete_for(&self, email: String) {
        let MailTransport::Folder(folder) = &self.transport else {
            return;
        };
        let folder = folder.clone();
        let result = tokio::task::spawn_blocking(move || delete_messages(&folder, &email)).await;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "the mailbox folder could not be cleared");
            }
            Err(error) => tracing::warn!(error = %error, "the mailbox folder could not be cleared"),
        }
    }

    fn message(&self, mail: OutgoingMail) -> Result<Message, String> {
        // The address was validated when it was entered; rows of an older version may hold another
        // text.
        let to = EmailAddress::parse(&mail.to)
            .map_err(|error| format!("the recipient's address: {error}"))?;
        let (id, domain) = (mail.id, self.from.email.domain());
        let to = to.mailbox();
        // By default the library parses the recipient out of the header, which fails for quoted
        // addresses.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()]);
        let envelope = envelope.map_err(|error| format!("the envelope: {error}"))?;
        Message::builder()
            .envelope(envelope)
            .from(self.from.clone())
            .to(to)
            .subject(mail.content.subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            .multipart(MultiPart::alternative_plain_html(
                mail.content.text,
                mail.content.html,
            ))
            .map_err(|error| format!("the message: {error}"))
    }
}

/// Removes addresses from a server's reply, because it is logged.
fn without_addresses(text: &str, recipients: &[Address]) -> String {
    // A quoted address may contain spaces.
    let text = recipients.iter().fold(text.to_owned(), |text, recipient| {
        text.replace(&recipient.to_string(), "…")
    });
    let words = text
        .split(' ')
        .map(|word| if word.contains('@') { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Deletes the messages to this address; a missing folder contains none.
fn delete_messages(folder: &Path, email: &str) -> std::io::Result<()> {
    let files = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|it| it == "eml") && is_to(&path, email)? {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Whether a message goes to this address: the header fields end at the first empty line.
fn is_to(path: &Path, email: &str) -> std::io::Result<bool> {
    let text = std::fs::read(path)?;
    let text = String::from_utf8_lossy(&text);
    let mut fields = text.lines().take_while(|line| !line.is_empty());
    Ok(fields.any(|line| {
        let to = line.strip_prefix("To: ").unwrap_or_default();
        let to = to.rsplit_once('<').map_or(to, |(_, to)| to);
        to.trim_end_matches('>').trim().eq_ignore_ascii_case(email)
    }))
}

/// Writes the file atomically.
fn write(folder: &Path, id: i64, text: &[u8]) -> std::io::Result<()> {
    private_files::create_folder(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(format!("{id}.eml")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing_mail(id: i64, to: &str) -> OutgoingMail {
        let content = Mail {
            subject: "订单 7K3Q".to_owned(),
            text: "Thank you".to_owned(),
            html: "<p>Thank you</p>".to_owned(),
        };
        let to = to.to_owned();
        OutgoingMail { id, to, content }
    }

    #[tokio::test]
    async fn a_folder_holds_a_message_once() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = folder.path().join("mail");
        let mailer = Mailer::new("Shop <shop@shop.example>", None, mailbox.clone()).unwrap();
        for _ in 0..2 {
            let sent = mailer.send(vec![outgoing_mail(7, "ada@example.org")]).await;
            assert_eq!(sent, [Ok(())]);
        }
        let files: Vec<_> = std::fs::read_dir(&mailbox).unwrap().flatten().collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(files[0].path()).unwrap();
        for part in [
            "To: ada@example.org",
            "Message-ID: <7@shop.example>",
            "text/plain",
            "text/html",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[tokio::test]
    async fn messages_to_an_address_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = Mailer::new("shop@shop.example", None, folder.path().join("mail")).unwrap();
        mailer.delete_for("ada@example.org".to_owned()).await;
        let mails = [
            "ada@example.org",
            "Ada <ADA@example.org>",
            "bada@example.org",
        ];
        let mails = (1..).zip(mails).map(|(id, to)| outgoing_mail(id, to));
        assert_eq!(mailer.send(mails.collect()).await.len(), 3);
        mailer.delete_for("ada@example.org".to_owned()).await;
        let left = std::fs::read_dir(folder.path().join("mail"))
            .unwrap()
            .flatten();
        let left: Vec<_> = left.map(|it| it.file_name()).collect();
        assert_eq!(left, ["3.eml"]);
    }

    #[tokio::test]
    async fn delivery_errors_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mailer = Mailer::new("shop@shop.example", None, file).unwrap();
        let mails = vec![
            outgoing_mail(1, "ada@example.org"),
            outgoing_mail(2, "nobody"),
        ];
        let sent = mailer.send(mails).await;
        for (sent, why) in sent.iter().zip(["the mailbox folder", "the recipient"]) {
            assert!(sent.as_ref().unwrap_err().starts_with(why), "{sent:?}");
        }
        assert!(Mailer::new("nobody", None, PathBuf::new()).is_err());
        assert!(Mailer::new("a@b.co", Some("http://x"), PathBuf::new()).is_err());
    }

    #[test]
    fn addresses_are_removed_from_replies() {
        let said = "permanent error (550): <ada@example.org>: user ada@example.org unknown";
        assert_eq!(
            without_addresses(said, &[]),
            "permanent error (550): … user … unknown"
        );
        let quoted: Address = "\"Ada L\"@example.org".parse().unwrap();
        let said = "refused: <\"Ada L\"@example.org>";
        assert_eq!(without_addresses(said, &[quoted]), "refused: <…>");
    }
}
