//! Keyset pages: a page starts after the last uuid of the page before, whatever happened in between.

use std::collections::BTreeMap;
use std::ops::Bound;

use uuid::Uuid;

use crate::refusal::Refusal;

const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 500;
const TOKEN_PREFIX: &str = "after-";

/// What a list request asks for.
pub(crate) struct PageRequest {
    pub(crate) building: Uuid,
    size: usize,
    after: Option<Uuid>,
}

impl PageRequest {
    pub(crate) fn parse(query: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let building = query
            .get("buildingUuid")
            .ok_or(Refusal::BuildingUuidRequired)?;
        let building = super::parse_uuid(building)?;
        let size = match query.get("pageSize") {
            None => DEFAULT_PAGE_SIZE,
            Some(size) => size
                .parse()
                .ok()
                .filter(|size| (1..=MAX_PAGE_SIZE).contains(size))
                .ok_or_else(|| Refusal::invalid("pageSize is 1 to 500"))?,
        };
        let after = match query.get("pageToken") {
            None => None,
            Some(token) => Some(
                token
                    .strip_prefix(TOKEN_PREFIX)
                    .and_then(|token| Uuid::parse_str(token).ok())
                    .ok_or(Refusal::InvalidPageToken)?,
            ),
        };
        Ok(Self {
            building,
            size,
            after,
        })
    }

    /// The uuids of the page, and the token of the next one.
    pub(crate) fn cut<T>(&self, rows: &BTreeMap<Uuid, T>) -> (Vec<Uuid>, Option<String>) {
        let from = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = rows.range((from, Bound::Unbounded)).map(|(uuid, _)| *uuid);
        let page: Vec<Uuid> = rest.by_ref().take(self.size).collect();
        let next = rest.next().and(page.last()).map(|last| token_after(*last));
        (page, next)
    }
}

/// The token of the page that starts after this row.
pub(crate) fn token_after(last: Uuid) -> String {
    format!("{TOKEN_PREFIX}{last}")
}
