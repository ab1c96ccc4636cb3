//! The differences between the SQL of SQLite and of MySQL.

use sqlx::{Any, QueryBuilder};

use super::Error;

/// The SQL dialect of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB.
    Mysql,
}

/// How an `insert` resolves a conflict of keys: the columns of the key, and the columns to update.
#[derive(Clone, Copy, Debug)]
pub struct Upsert {
    /// The columns of a unique key, separated by commas.
    pub key: &'static str,
    /// The columns that are updated.
    pub columns: &'static [&'static str],
}

impl Dialect {
    /// The dialect of the database at this URL.
    pub fn of(url: &str) -> Result<Self, Error> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("mysql" | "mariadb") => Ok(Self::Mysql),
            _ => Err(Error::Configuration(
                "the database URL must begin with sqlite:// or mysql://".into(),
            )),
        }
    }

    /// Appends the clause that makes an `insert … values …` update the rows that exist.
    pub fn push_upsert(self, query: &mut QueryBuilder<Any>, upsert: Upsert) {
        match self {
            Self::Sqlite => {
                query
                    .push(" on conflict (")
                    .push(upsert.key)
                    .push(") do update set ");
            }
            Self::Mysql => {
                query.push(" on duplicate key update ");
            }
        }
        let mut columns = query.separated(", ");
        for column in upsert.columns {
            match self {
                Self::Sqlite => columns.push(format_args!("{column} = excluded.{column}")),
                Self::Mysql => columns.push(format_args!("{column} = values({column})")),
            };
        }
    }

    /// Selects the database's time, in milliseconds since 1970.
    pub const fn select_now(self) -> &'static str {
        match self {
            Self::Sqlite => "select cast(unixepoch('subsec') * 1000 as integer)",
            Self::Mysql => {
                "select timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000"
            }
        }
    }

    /// Sets the primary's heartbeat to the database's time.
    pub const fn set_heartbeat(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "update heartbeats
                    set beat_at = cast(unixepoch('subsec') * 1000 as integer)
                  where name = 'primary'"
            }
            Self::Mysql => {
                "update heartbeats
                    set beat_at = timestampdiff(microsecond, '1970-01-01', utc_timestamp(3))
                                  div 1000
                  where name = 'primary'"
            }
        }
    }

    /// The end of a `select` that locks its rows until the commit. SQLite has one writer, which has
    /// locked the whole database already.
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Mysql => " for update",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_has_its_own_upsert() {
        let upsert = Upsert {
            key: "id",
            columns: &["a", "b"],
        };
        for (dialect, expected) in [
            (
                Dialect::Sqlite,
                " on conflict (id) do update set a = excluded.a, b = excluded.b",
            ),
            (
                Dialect::Mysql,
                " on duplicate key update a = values(a), b = values(b)",
            ),
        ] {
            let mut query = QueryBuilder::new("");
            dialect.push_upsert(&mut query, upsert);
            assert_eq!(query.into_string(), expected);
        }
    }

    #[test]
    fn an_unknown_engine_is_refused() {
        assert!(Dialect::of("postgres://localhost/shop").is_err());
        assert!(Dialect::of("shop.db").is_err());
    }
}
