//! Keeps account of a list page by page, to tell whether it is everything.

use std::mem;

use opendoor_planner::ids::BuildingUuid;
use uuid::Uuid;

use crate::paged::{Page, Paged};
use crate::wire::{Counter, Field};

/// The longest list read. Beyond it something is wrong, and memory must not pay for it.
const MOST_ROWS: usize = 1_000_000;

/// How far a listing got.
pub(crate) enum Listed<R> {
    /// To its end, or to where it could not go on. The fault, if any, says why it is incomplete.
    Ended(Vec<R>, Option<String>),
    /// A row joined or left while we listed.
    Moved(Vec<R>, String),
}

/// The account of one listing. The first fault counts: later ones mostly follow from it.
pub(crate) struct Account<P: Paged> {
    building: BuildingUuid,
    rows: Vec<P::Row>,
    /// Rows sent, unusable ones included.
    sent: usize,
    pages: usize,
    last: Option<Uuid>,
    /// `listRevision` and `totalCount`, the same on all pages.
    claims: Option<(i64, i64)>,
    fault: Option<String>,
}

impl<P: Paged> Account<P> {
    pub(crate) fn new(building: BuildingUuid) -> Self {
        Self {
            building,
            rows: Vec::new(),
            sent: 0,
            pages: 0,
            last: None,
            claims: None,
            fault: None,
        }
    }

    /// Takes the next page and gives the token of the one after, if there is one.
    pub(crate) fn page(&mut self, page: Page<P::Wire>) -> Result<Option<String>, Listed<P::Row>> {
        let Page {
            rows,
            next_page_token,
            list_revision,
            total_count,
        } = page;
        let (Field::Value(Counter(revision)), Field::Value(Counter(total))) =
            (list_revision, total_count)
        else {
            return Err(self.stop("it has no usable listRevision or totalCount"));
        };
        let (first_revision, first_total) = *self.claims.get_or_insert((revision, total));
        if revision != first_revision {
            let rows = mem::take(&mut self.rows);
            let fault = self.here(&format!(
                "listRevision went from {first_revision} to {revision}: the list changed while it \
                 was read"
            ));
            return Err(Listed::Moved(rows, fault));
        }
        if total != first_total {
            return Err(self.stop(&format!(
                "totalCount went from {first_total} to {total} under one listRevision"
            )));
        }
        let Field::Value(rows) = rows else {
            return Err(self.stop("it holds no rows"));
        };
        let empty = rows.is_empty();
        if self.pages == 0 {
            let expected = usize::try_from(total).unwrap_or(MOST_ROWS).min(MOST_ROWS);
            // Bounded by what this page already cost to send, so that a wild count reserves nothing.
            self.rows.reserve(expected.min(rows.len() * 16));
        }
        for (at, wire) in rows.into_iter().enumerate() {
            self.row(at + 1, wire)?;
        }
        if i64::try_from(self.sent).is_ok_and(|sent| sent > total) || self.sent > MOST_ROWS {
            return Err(self.stop(&format!(
                "{} rows up to here, more than the totalCount of {total}",
                self.sent
            )));
        }
        let next = match next_page_token.strict() {
            Ok(None) => None,
            Ok(Some(next)) if next.is_empty() => {
                return Err(self.stop("its nextPageToken is empty"));
            }
            Ok(next) => next,
            Err(()) => return Err(self.stop("its nextPageToken is no text")),
        };
        if empty && next.is_some() {
            return Err(self.stop("it is empty but names another page"));
        }
        self.pages += 1;
        Ok(next)
    }

    fn row(&mut self, at: usize, wire: Field<P::Wire>) -> Result<(), Listed<P::Row>> {
        self.sent += 1;
        let Field::Value(wire) = wire else {
            self.note(&format!("row {at} is no object"));
            return Ok(());
        };
        let ours = *P::building(&wire) == Field::Value(self.building.0);
        let row = match P::parse(wire) {
            Ok(row) => row,
            Err(field) => {
                self.note(&format!("row {at} has no usable {field}"));
                return Ok(());
            }
        };
        if !ours {
            self.note(&format!("row {at} is not of the building asked for"));
            return Ok(());
        }
        let uuid = P::uuid(&row);
        match self.last {
            Some(last) if last == uuid => {
                return Err(self.stop(&format!("row {at} is the row before it again")));
            }
            Some(last) if last > uuid => {
                return Err(self.stop(&format!("row {at} is out of uuid order")));
            }
            _ => {}
        }
        self.last = Some(uuid);
        self.rows.push(row);
        Ok(())
    }

    /// After the last page.
    pub(crate) fn end(&mut self) -> Listed<P::Row> {
        if let Some((_, total)) = self.claims
            && i64::try_from(self.sent) != Ok(total)
        {
            let sent = self.sent;
            self.fault.get_or_insert_with(|| {
                format!("{sent} rows on all pages, but a totalCount of {total}")
            });
        }
        Listed::Ended(mem::take(&mut self.rows), self.fault.take())
    }

    /// At a page that does not let us go on.
    pub(crate) fn stop(&mut self, fault: &str) -> Listed<P::Row> {
        self.note(fault);
        Listed::Ended(mem::take(&mut self.rows), self.fault.take())
    }

    fn note(&mut self, fault: &str) {
        if self.fault.is_none() {
            self.fault = Some(self.here(fault));
        }
    }

    fn here(&self, fault: &str) -> String {
        format!("page {}: {fault}", self.pages + 1)
    }
}
