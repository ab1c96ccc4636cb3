//! The few places where SQLite and MySQL spell the same thing differently.

use sqlx::{Any, QueryBuilder};

use super::Error;

/// Which SQL the database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB.
    Mysql,
}

/// What to do with rows that are there already: which columns name a row, and which are replaced.
#[derive(Clone, Copy, Debug)]
pub struct Upsert {
    /// The columns of a unique key, with commas between them.
    pub key: &'static str,
    /// The columns that take the new value.
    pub columns: &'static [&'static str],
}

impl Dialect {
    /// The dialect of the database at this address.
    pub fn of(url: &str) -> Result<Self, Error> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("mysql" | "mariadb") => Ok(Self::Mysql),
            _ => Err(Error::Configuration(
                "the database URL must begin with sqlite:// or mysql://".into(),
            )),
        }
    }

    /// Ends an `insert … values …` so that rows that are there already are changed instead.
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

    /// Reads the database's time in milliseconds since 1970.
    pub const fn select_now(self) -> &'static str {
        match self {
            Self::Sqlite => "select cast(unixepoch('subsec') * 1000 as integer)",
            Self::Mysql => {
                "select timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000"
            }
        }
    }

    /// Writes the database's time as the primary's heartbeat.
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

    /// What `select` ends with to lock the rows that it reads until the commit. SQLite has one
    /// writer, which has locked everything already.
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
