//! The two kinds of list that come in pages.

use opendoor_planner::observed::{DoorRow, KeyRow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::rows::{self, BadField, WireDoor, WireKey};
use crate::wire::{Counter, Field, FromJson};

/// A kind of list.
pub(crate) trait Paged {
    /// The call, for messages.
    const NAME: &'static str;
    const PATH: &'static str;
    /// What its rows are called in messages.
    const ROWS: &'static str;
    type Page: DeserializeOwned + Into<Page<Self::Wire>>;
    type Wire: FromJson;
    type Row;
    fn building(wire: &Self::Wire) -> &Field<Uuid>;
    fn parse(wire: Self::Wire) -> Result<Self::Row, BadField>;
    fn uuid(row: &Self::Row) -> Uuid;
}

/// A page as it was sent.
pub(crate) struct Page<W> {
    pub(crate) rows: Field<Vec<Field<W>>>,
    pub(crate) next_page_token: Field<String>,
    pub(crate) list_revision: Field<Counter>,
    pub(crate) total_count: Field<Counter>,
}

macro_rules! paged {
    ($kind:ident, $page:ident, $rows:ident, $wire:ty, $row:ty, $parse:path, $path:literal) => {
        pub(crate) struct $kind;

        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $page {
            #[serde(default)]
            $rows: Field<Vec<Field<$wire>>>,
            #[serde(default)]
            next_page_token: Field<String>,
            #[serde(default)]
            list_revision: Field<Counter>,
            #[serde(default)]
            total_count: Field<Counter>,
        }

        impl From<$page> for Page<$wire> {
            fn from(page: $page) -> Self {
                let $page {
                    $rows: rows,
                    next_page_token,
                    list_revision,
                    total_count,
                } = page;
                Self {
                    rows,
                    next_page_token,
                    list_revision,
                    total_count,
                }
            }
        }

        impl Paged for $kind {
            const NAME: &'static str = concat!("GET ", $path);
            const PATH: &'static str = $path;
            const ROWS: &'static str = stringify!($rows);
            type Page = $page;
            type Wire = $wire;
            type Row = $row;

            fn building(wire: &$wire) -> &Field<Uuid> {
                &wire.building_uuid
            }

            fn parse(wire: $wire) -> Result<$row, BadField> {
                $parse(wire)
            }

            fn uuid(row: &$row) -> Uuid {
                row.uuid.0
            }
        }
    };
}

paged!(
    Doors,
    DoorPage,
    doors,
    WireDoor,
    DoorRow,
    rows::door,
    "/v1/doors"
);
paged!(Keys, KeyPage, keys, WireKey, KeyRow, rows::key, "/v1/keys");
