//! Bulk statements: a statement has a fixed cost, so that many rows share one.

use sqlx::{Any, Encode, QueryBuilder, Type, query_builder::Separated};

use super::{Error, Tx, Upsert};

/// An `insert` of many rows, or a statement with a list of values.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    head: &'static str,
    upsert: Option<Upsert>,
}

impl Rows {
    /// The maximum number of rows of a statement, below every engine's limit of bound parameters.
    pub const MAX: usize = 500;

    /// Inserts new rows. `head` ends before `values`.
    pub const fn insert(head: &'static str) -> Self {
        Self { head, upsert: None }
    }

    /// Inserts rows, or updates those that exist.
    pub const fn upsert(head: &'static str, upsert: Upsert) -> Self {
        Self {
            head,
            upsert: Some(upsert),
        }
    }

    /// Writes the rows in as many statements as it takes. `bind` binds a row's values in the order
    /// of the columns.
    pub async fn write<T>(
        self,
        tx: &mut Tx,
        rows: &[T],
        mut bind: impl FnMut(Separated<'_, Any, &'static str>, &T),
    ) -> Result<(), Error> {
        for chunk in rows.chunks(Self::MAX) {
            let mut query = QueryBuilder::new(self.head);
            query.push_values(chunk, &mut bind);
            if let Some(upsert) = self.upsert {
                tx.dialect().push_upsert(&mut query, upsert);
            }
            query.build().execute(tx.conn()).await?;
        }
        Ok(())
    }

    /// A statement that ends with a list of values in parentheses: `head` ends with `in`. The list
    /// has from one to [`Rows::MAX`] values. Its last value is repeated up to a power of two, so
    /// that few prepared statements serve all lengths.
    pub fn among<'v, T>(
        head: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> QueryBuilder<Any>
    where
        T: Encode<'v, Any> + Type<Any> + Clone,
    {
        let mut query = QueryBuilder::new(head);
        Self::push_list(&mut query, values);
        query
    }

    /// Appends the list of values in parentheses, as in [`Rows::among`].
    pub fn push_list<'v, T>(query: &mut QueryBuilder<Any>, values: impl IntoIterator<Item = T>)
    where
        T: Encode<'v, Any> + Type<Any> + Clone,
    {
        let mut values: Vec<T> = values.into_iter().collect();
        if let Some(last) = values.last().cloned() {
            values.resize(values.len().next_power_of_two(), last);
        }
        query.push("(");
        let mut list = query.separated(", ");
        for value in values {
            list.push_bind(value);
        }
        query.push(")");
    }
}
