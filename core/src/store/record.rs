//! What a table is, said once: [`record!`](record!) yields the struct, its columns, its codec, its
//! indexes and its version check for every engine.

use super::{Kind, Row, StoreError, Value};
use crate::access::{Bar, Term};
use crate::clock::Timestamp;

/// A table as both engines need to know it.
#[derive(Debug)]
pub struct Table {
    /// Name in SQL; unique.
    pub name: &'static str,
    /// Columns in the order of a [`Row`].
    pub columns: &'static [Column],
    /// Positions of the primary key.
    pub key: &'static [usize],
    /// Secondary indexes.
    pub indexes: &'static [Index],
    /// Position of the version column, where rows are updated.
    pub version: Option<usize>,
    /// True where the first two columns, `xid` and `seq`, are given by the store at insert.
    pub stamped: bool,
    /// Where this table's row locks stand in the one global order in which locks are taken.
    pub lock: u16,
    /// The table of scope postings, for tables that are listed by scope.
    pub scope: Option<&'static Table>,
}

/// One column.
#[derive(Debug)]
pub struct Column {
    /// Name in SQL.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be absent.
    pub nullable: bool,
}

/// A secondary index. Every index ends, implicitly, in the primary key: no order without a unique tail.
#[derive(Debug)]
pub struct Index {
    /// Name, for messages and tests.
    pub name: &'static str,
    /// Positions of its columns.
    pub columns: &'static [usize],
    /// Whether two rows may share its values (rows with a NULL never clash).
    pub unique: bool,
}

impl Table {
    /// The key of `row`.
    pub fn key_of(&self, row: &[Value]) -> Row {
        self.key.iter().map(|&i| row[i].clone()).collect()
    }

    /// The version in `row`; zero for tables without versions.
    pub fn version_of(&self, row: &[Value]) -> i64 {
        match self.version.map(|i| &row[i]) {
            Some(Value::Int(v)) => *v,
            _ => 0,
        }
    }

    /// Columns by which the index at `position` (or the primary key, for `None`) orders rows.
    pub fn order_of(&self, position: Option<usize>) -> Vec<usize> {
        let Some(index) = position.map(|i| &self.indexes[i]) else { return self.key.to_vec() };
        let tail = self.key.iter().filter(|k| !index.columns.contains(k));
        index.columns.iter().chain(tail).copied().collect()
    }
}

/// A type that fits one column.
pub trait Field: Sized {
    /// What the column holds.
    const KIND: Kind;
    /// Whether the column may be absent.
    const NULLABLE: bool = false;
    /// To the stored value.
    fn encode(&self) -> Value;
    /// From the stored value; `None` when it does not fit.
    fn decode(value: Value) -> Option<Self>;
}

impl Field for i64 {
    const KIND: Kind = Kind::Int;
    fn encode(&self) -> Value {
        Value::Int(*self)
    }
    fn decode(value: Value) -> Option<Self> {
        if let Value::Int(i) = value { Some(i) } else { None }
    }
}

impl Field for bool {
    const KIND: Kind = Kind::Int;
    fn encode(&self) -> Value {
        Value::Int(i64::from(*self))
    }
    fn decode(value: Value) -> Option<Self> {
        match value {
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl Field for Timestamp {
    const KIND: Kind = Kind::Int;
    fn encode(&self) -> Value {
        Value::Int(self.micros())
    }
    fn decode(value: Value) -> Option<Self> {
        i64::decode(value).map(Timestamp::from_micros)
    }
}

impl Field for String {
    const KIND: Kind = Kind::Text;
    fn encode(&self) -> Value {
        Value::Text(self.as_str().into())
    }
    fn decode(value: Value) -> Option<Self> {
        if let Value::Text(s) = value { Some(s.into()) } else { None }
    }
}

impl Field for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    fn encode(&self) -> Value {
        Value::Bytes(self.as_slice().into())
    }
    fn decode(value: Value) -> Option<Self> {
        if let Value::Bytes(b) = value { Some(b.into_vec()) } else { None }
    }
}

impl<const N: usize> Field for [u8; N] {
    const KIND: Kind = Kind::Bytes;
    fn encode(&self) -> Value {
        Value::Bytes(self.as_slice().into())
    }
    fn decode(value: Value) -> Option<Self> {
        if let Value::Bytes(b) = value { b.as_slice().try_into().ok() } else { None }
    }
}

impl<F: Field> Field for Option<F> {
    const KIND: Kind = F::KIND;
    const NULLABLE: bool = true;
    fn encode(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::encode)
    }
    fn decode(value: Value) -> Option<Self> {
        if value == Value::Null { Some(None) } else { F::decode(value).map(Some) }
    }
}

/// A type that [`record!`](record!) declared as a table's row.
pub trait Record: Clone + Send + Sync + Sized + 'static {
    /// The table.
    const TABLE: &'static Table;
    /// To a row.
    fn to_row(&self) -> Row;
    /// From a row of the same table.
    fn from_row(row: Row) -> Result<Self, StoreError>;
    /// This row with the version that follows that of `old`.
    fn succeeding(self, old: &Self) -> Self;
    /// Who may list this row, and the instant by which lists of it are ordered.
    /// Empty for tables that are not listed by scope.
    fn postings(&self) -> (Timestamp, Vec<Term>);
    /// From whom this row is kept, whatever brings it into their reach.
    fn bars(&self) -> Vec<Bar> {
        Vec::new()
    }
    /// Where it stands in lists by scope: for tables with one id as their key.
    ///
    /// # Errors
    /// `Backend` for another key.
    fn place(&self) -> Result<super::PagePlace, StoreError> {
        let id = match &self.key()[..] {
            [Value::Bytes(id)] => uuid::Uuid::from_slice(id).ok(),
            _ => None,
        };
        let id = id.ok_or_else(|| StoreError::Backend(format!("{} is not listed by one id", Self::TABLE.name)))?;
        Ok((self.postings().0, id))
    }
    /// The primary key.
    fn key(&self) -> Row {
        Self::TABLE.key_of(&self.to_row())
    }
}

/// Decodes one column or names it in the error.
pub(crate) fn field<F: Field>(table: &'static Table, row: &mut Row, position: usize) -> Result<F, StoreError> {
    let value = std::mem::replace(&mut row[position], Value::Null);
    F::decode(value)
        .ok_or_else(|| StoreError::Corrupt(format!("{}.{} holds a value of the wrong kind", table.name, table.columns[position].name)))
}

/// Position of the column `name`; fails to compile (in const context) for an unknown one.
pub const fn position(columns: &[Column], name: &str) -> usize {
    let mut i = 0;
    while i < columns.len() {
        if same(columns[i].name, name) {
            return i;
        }
        i += 1;
    }
    panic!("a key, index or version names a column that the record does not have")
}

/// Position of the index `name`.
pub const fn index_position(indexes: &[Index], name: &str) -> usize {
    let mut i = 0;
    while i < indexes.len() {
        if same(indexes[i].name, name) {
            return i;
        }
        i += 1;
    }
    panic!("no such index")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Columns of a table of scope postings: who may see, when, what.
pub const POSTING_COLUMNS: &[Column] = &[
    Column { name: "term", kind: Kind::Bytes, nullable: false },
    Column { name: "at", kind: Kind::Int, nullable: false },
    Column { name: "id", kind: Kind::Bytes, nullable: false },
];

/// Declares a table and the type of its rows.
///
/// ```text
/// record! {
///     /// One waiting queue of people.
///     pub struct Line in "line" {
///         /// Its id.
///         id: LineId,
///         ...
///     }
///     key(id);                         primary key
///     version version;                 rows are updated; the column counts the updates
///     stamped;                         columns xid and seq are given by the store at insert
///     lock 30;                         rows are locked by claims; position in the global lock order
///     scoped opened_at by terms;       listed by scope: `fn terms(&self) -> Vec<Term>`
///                                      `.. by terms except bars` keeps it from some: `fn bars(&self) -> Vec<Bar>`
///     unique BY_CODE(authority, code);
///     index BY_AUTHORITY(authority, name);
/// }
/// ```
macro_rules! record {
    (
        $(#[$meta:meta])* pub struct $Name:ident in $table:literal {
            $( $(#[$fmeta:meta])* $field:ident : $ty:ty ),* $(,)?
        }
        key($($key:ident),+);
        $(version $version:ident;)?
        $(stamped $stamped:ident;)?
        $(lock $lock:literal;)?
        $(scoped $at:ident by $terms:ident $(except $bars:ident)?;)?
        $(unique $Unique:ident($($ucol:ident),+);)*
        $(index $Index:ident($($icol:ident),+);)*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name { $( $(#[$fmeta])* pub $field: $ty ),* }

        impl $Name {
            const COLUMNS: &'static [$crate::store::Column] = &[
                $( $crate::store::Column {
                    name: stringify!($field),
                    kind: <$ty as $crate::store::Field>::KIND,
                    nullable: <$ty as $crate::store::Field>::NULLABLE,
                } ),*
            ];
            const INDEXES: &'static [$crate::store::Index] = &[
                $( $crate::store::Index {
                    name: stringify!($Unique),
                    columns: &[$( $crate::store::position(Self::COLUMNS, stringify!($ucol)) ),+],
                    unique: true,
                }, )*
                $( $crate::store::Index {
                    name: stringify!($Index),
                    columns: &[$( $crate::store::position(Self::COLUMNS, stringify!($icol)) ),+],
                    unique: false,
                }, )*
            ];
            $(
                #[doc = concat!("Position of the unique index over ", $(stringify!($ucol), " "),+)]
                pub const $Unique: usize = $crate::store::index_position(Self::INDEXES, stringify!($Unique));
            )*
            $(
                #[doc = concat!("Position of the index over ", $(stringify!($icol), " "),+)]
                pub const $Index: usize = $crate::store::index_position(Self::INDEXES, stringify!($Index));
            )*
        }

        impl $crate::store::Record for $Name {
            const TABLE: &'static $crate::store::Table = &$crate::store::Table {
                name: $table,
                columns: Self::COLUMNS,
                key: &[$( $crate::store::position(Self::COLUMNS, stringify!($key)) ),+],
                indexes: Self::INDEXES,
                version: record!(@some $($crate::store::position(Self::COLUMNS, stringify!($version)))?),
                stamped: record!(@flag $($stamped)?),
                lock: record!(@number $($lock)?),
                scope: record!(@scope $table $($at)?),
            };

            fn to_row(&self) -> $crate::store::Row {
                vec![$( $crate::store::Field::encode(&self.$field) ),*]
            }

            fn from_row(mut row: $crate::store::Row) -> Result<Self, $crate::store::StoreError> {
                if row.len() != Self::COLUMNS.len() {
                    return Err($crate::store::StoreError::Corrupt(format!("{} has {} columns", $table, row.len())));
                }
                let mut at = 0;
                Ok(Self { $( $field: { at += 1; $crate::store::field(Self::TABLE, &mut row, at - 1)? } ),* })
            }

            record!(@succeeding $($version)?);

            fn postings(&self) -> ($crate::clock::Timestamp, Vec<$crate::access::Term>) {
                record!(@postings self $($at $terms)?)
            }

            $($(
                fn bars(&self) -> Vec<$crate::access::Bar> {
                    self.$bars()
                }
            )?)?
        }
    };
    (@succeeding $version:ident) => {
        fn succeeding(self, old: &Self) -> Self {
            Self { $version: old.$version + 1, ..self }
        }
    };
    (@succeeding) => {
        fn succeeding(self, _: &Self) -> Self {
            self
        }
    };
    (@some $e:expr) => { Some($e) };
    (@some) => { None };
    (@flag $e:ident) => { true };
    (@flag) => { false };
    (@number $e:literal) => { $e };
    (@number) => { 0 };
    (@scope $table:literal $at:ident) => {
        Some(&$crate::store::Table {
            name: concat!($table, "_scope"), columns: $crate::store::POSTING_COLUMNS, key: &[0, 1, 2],
            indexes: &[], version: None, stamped: false, lock: 0, scope: None,
        })
    };
    (@scope $table:literal) => { None };
    (@postings $self:ident $at:ident $terms:ident) => { ($self.$at, $self.$terms()) };
    (@postings $self:ident) => { ($crate::clock::Timestamp::default(), Vec::new()) };
}

/// Declares an enum stored and written as text: one word per variant, the same in SQL and in JSON.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $Name:ident { $( $(#[$vmeta:meta])* $Variant:ident = $word:literal ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $Name { $( $(#[$vmeta])* #[serde(rename = $word)] $Variant ),* }

        impl $Name {
            /// Every variant, in declared order.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];
            /// The word it is stored and written as.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$Variant => $word),* } }
            /// The variant a word stands for.
            pub fn parse(word: &str) -> Option<Self> { match word { $($word => Some(Self::$Variant),)* _ => None } }
        }
        impl $crate::store::Field for $Name {
            const KIND: $crate::store::Kind = $crate::store::Kind::Text;
            fn encode(&self) -> $crate::store::Value { $crate::store::Value::Text(self.as_str().into()) }
            fn decode(value: $crate::store::Value) -> Option<Self> {
                if let $crate::store::Value::Text(s) = value { Self::parse(&s) } else { None }
            }
        }
    };
}

/// Stores types as JSON text.
macro_rules! stored_as_json {
    ($($Name:ty),+) => {$(
        impl $crate::store::Field for $Name {
            const KIND: $crate::store::Kind = $crate::store::Kind::Text;
            fn encode(&self) -> $crate::store::Value {
                // Cannot fail: words, numbers and ids. Were it to, the row would not decode, which is found at once.
                $crate::store::Value::Text(serde_json::to_string(self).unwrap_or_default().into())
            }
            fn decode(value: $crate::store::Value) -> Option<Self> {
                let $crate::store::Value::Text(text) = value else { return None };
                let read: Self = serde_json::from_str(&text).ok()?;
                // Only what was written here: one text for one value.
                ($crate::store::Field::encode(&read) == $crate::store::Value::Text(text)).then_some(read)
            }
        }
    )+};
}

/// Gives a type that is written as a string its JSON Schema.
#[cfg(feature = "schema")]
macro_rules! string_schema {
    ($Name:ident, $format:expr, $doc:expr) => {
        impl schemars::JsonSchema for $Name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($Name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format, "description": $doc })
            }
        }
    };
}
