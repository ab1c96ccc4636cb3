//! Mail: finished messages on their way, to a mailbox folder or to an SMTP server. Knows no database.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
};
use ui::mail::Mail;

/// Where messages go.
#[derive(Clone, Debug)]
pub struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    /// One file a message, for a start and for tests.
    Folder(PathBuf),
    /// A server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
}

impl Mailer {
    /// A mailer that writes from this address: to the server at `smtp_url`, or into the folder.
    pub fn new(from: &str, smtp_url: Option<&str>, folder: PathBuf) -> Result<Self, String> {
        let from = from
            .parse()
            .map_err(|error| format!("{from:?} is no sender: {error}"))?;
        let way = match smtp_url {
            Some(url) => Way::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .map_err(|error| format!("the SMTP address: {error}"))?
                    .build(),
            ),
            None => Way::Folder(folder),
        };
        Ok(Self { from, way })
    }

    /// Sends a message. `id` names it: sent again, it is the same message, so that a mailbox folder
    /// holds it once and a mail program can tell.
    pub async fn send(&self, id: i64, to: &str, mail: &Mail) -> Result<(), String> {
        let to: Mailbox = to
            .parse()
            .map_err(|error| format!("the recipient's address: {error}"))?;
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject.clone())
            .message_id(Some(format!("<{id}@{domain}>")))
            .multipart(MultiPart::alternative_plain_html(
                mail.text.clone(),
                mail.html.clone(),
            ))
            .map_err(|error| format!("the message: {error}"))?;
        match &self.way {
            Way::Smtp(server) => server
                .send(message)
                .await
                .map(|_| ())
                .map_err(|error| format!("the SMTP server: {error}")),
            Way::Folder(folder) => {
                let (folder, text) = (folder.clone(), message.formatted());
                let written = tokio::task::spawn_blocking(move || write(&folder, id, &text));
                written
                    .await
                    .map_err(|error| error.to_string())?
                    .map_err(|error| format!("the mailbox folder: {error}"))
            }
        }
    }
}

/// Writes a whole file or none.
fn write(folder: &Path, id: i64, text: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(format!("{id}.eml")))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            subject: "订单 7K3Q".to_owned(),
            text: "Thank you".to_owned(),
            html: "<p>Thank you</p>".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_folder_holds_a_message_once() {
        let folder = tempfile::tempdir().unwrap();
        let box_ = folder.path().join("mail");
        let mailer = Mailer::new("Shop <shop@shop.example>", None, box_.clone()).unwrap();
        for _ in 0..2 {
            mailer.send(7, "ada@example.org", &mail()).await.unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(&box_).unwrap().flatten().collect();
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
    async fn what_cannot_be_sent_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mailer = Mailer::new("shop@shop.example", None, file).unwrap();
        let error = mailer
            .send(1, "ada@example.org", &mail())
            .await
            .unwrap_err();
        assert!(error.starts_with("the mailbox folder"), "{error}");
        let error = mailer.send(1, "nobody", &mail()).await.unwrap_err();
        assert!(error.starts_with("the recipient"), "{error}");
        assert!(Mailer::new("nobody", None, PathBuf::new()).is_err());
        assert!(Mailer::new("a@b.co", Some("http://x"), PathBuf::new()).is_err());
    }
}
