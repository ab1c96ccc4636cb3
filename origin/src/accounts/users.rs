//! Accounts as staff see them.

use shared::{
    account::{Account, ListUsers, Role, SetRole, UserList},
    cursor::{Cursor, Direction},
    id::UserId,
};

use crate::{
    audit::{self, Actor, Change},
    db,
    platform::Platform,
};

use super::{Error, store};

const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// A page of accounts, the newest first.
pub(super) async fn list(platform: &Platform, query: &ListUsers) -> Result<UserList, Error> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let why = format!("limit must be a whole number from 1 to {LIMIT_MAX}.");
        return Err(Error::field("limit", why));
    }
    let before = query.cursor.map_or(i64::MAX, |it| it.id);
    let mut reader = platform.db.read().await?;
    let mut users = store::page(&mut reader, before, i64::from(limit) + 1).await?;
    let more = users.len() > limit as usize;
    users.truncate(limit as usize);
    let next = users.last().filter(|_| more).map(|it| Cursor {
        order: 0,
        direction: Direction::After,
        key: it.id.get(),
        id: it.id.get(),
    });
    Ok(UserList { users, next })
}

/// Changes the role of an account and ends all of its sessions. The last owner cannot be demoted.
pub(super) async fn set_role(
    platform: &Platform,
    actor: &Actor,
    user: UserId,
    request: &SetRole,
) -> Result<Account, Error> {
    let set = async || {
        let now = platform.clock.now();
        let mut tx = platform.db.write().await?;
        let mut stored = store::lock(&mut tx, user).await?.ok_or(Error::NotFound)?;
        let before = stored.account.clone();
        if before.role == Role::Owner && request.role != Role::Owner {
            let lock = tx.dialect().for_update();
            if store::owners(tx.conn(), lock).await? == [user] {
                return Err(Error::field("role", "The shop needs at least one owner."));
            }
        }
        stored.account.role = request.role;
        stored.account.rights.clone_from(&request.rights);
        store::save(&mut tx, &stored, now).await?;
        stored.account.version += 1;
        super::end_all(platform, &mut tx, user).await?;
        let about = |it: &Account| (it.role, it.rights.clone());
        let change = Change::new("user.role", format!("user:{user}"))
            .from(&about(&before))
            .to(&about(&stored.account));
        audit::record(&mut tx, platform.context(), actor, &[change]).await?;
        tx.commit().await?;
        Ok(stored.account)
    };
    db::retry_on_conflict(set, Error::is_conflict).await
}
