//! Stock locations.

use shared::{
    id::LocationId,
    stock::{Location, SaveLocation},
};

use crate::{
    audit::{self, Actor, Change},
    inventory,
    platform::Platform,
};

use super::Error;

/// The maximum length of a code and of a name, in characters.
const CODE_MAX: usize = 64;
const NAME_MAX: usize = 200;

/// Creates a location, or renames it.
pub(super) async fn save_location(
    platform: &Platform,
    actor: &Actor,
    code: String,
    request: &SaveLocation,
) -> Result<Location, Error> {
    let invalid =
        |field: &str, why: &str| Err(Error::Invalid(vec![(field.to_owned(), why.to_owned())]));
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if code.is_empty() || code.len() > CODE_MAX || !code.bytes().all(letter) {
        return invalid(
            "location",
            "location must be 1 to 64 lower-case letters, digits and hyphens.",
        );
    }
    let name = request.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return invalid("name", "name must be 1 to 200 characters long.");
    }
    let location = Location { code, name };
    let mut tx = platform.db.write().await?;
    let id = LocationId::new(platform.ids.next(platform.clock.now()));
    let known = inventory::list_locations(tx.conn()).await?;
    let before = known.iter().find(|it| it.code == location.code);
    inventory::save_location(&mut tx, id, &location).await?;
    let change = Change::new("location.save", format!("location:{}", location.code));
    let change = change.from(&before).to(&location);
    audit::record(&mut tx, platform.context(), actor, &[change]).await?;
    tx.commit().await?;
    Ok(location)
}
