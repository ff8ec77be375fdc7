//! Lists, and whether they are provably complete.
//!
//! A missing row would read as "this door is gone" or "nobody holds it", and access would be taken
//! away on it. So a list counts as complete only if its own account of itself agrees on every page.

use std::collections::HashSet;

use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::observed::{DoorRow, KeyRow, Partner};
use serde::Deserialize;
use url::form_urlencoded;

use crate::account::{Account, Listed};
use crate::call::Call;
use crate::client::Client;
use crate::error::Error;
use crate::paged::{Doors, Keys, Page, Paged};
use crate::rows::{self, BadField, WireNamed};
use crate::transport::Transport;
use crate::wire::Field;

/// Rows asked for at once: the most the contract allows.
const PAGE_SIZE: usize = 500;
/// The fewest rows asked for when pages are too large to read.
const SMALLEST_PAGE: usize = 25;

/// Everything one look brings.
pub(crate) struct Look {
    pub(crate) partners: Vec<Partner>,
    pub(crate) doors: Vec<DoorRow>,
    pub(crate) keys: Vec<KeyRow>,
    pub(crate) incomplete: Option<String>,
}

/// One look at a building.
pub(crate) async fn look<T: Transport>(
    client: &Client<T>,
    building: BuildingUuid,
) -> Result<Look, Error> {
    let (partners, bad_partner) = partners(client, building).await?;
    let (doors, bad_door) = list::<T, Doors>(client, building).await?;
    let (keys, bad_key) = list::<T, Keys>(client, building).await?;
    let faults: Vec<String> = [bad_partner, bad_door, bad_key]
        .into_iter()
        .flatten()
        .collect();
    Ok(Look {
        partners,
        doors,
        keys,
        incomplete: (!faults.is_empty()).then(|| faults.join("; ")),
    })
}

#[derive(Deserialize)]
struct WirePartners {
    #[serde(default)]
    partners: Field<Vec<Field<WireNamed>>>,
}

async fn partners<T: Transport>(
    client: &Client<T>,
    building: BuildingUuid,
) -> Result<(Vec<Partner>, Option<String>), Error> {
    let call = Call::get(
        "GET /v1/buildings/{uuid}/partners",
        format!("/v1/buildings/{building}/partners"),
    );
    let decode = |body: &[u8]| {
        let WirePartners { partners } = serde_json::from_slice(body)
            .map_err(|_| "its body is not the JSON of a list of partners")?;
        unpaged(partners, "partners", rows::partner)
    };
    let (mut partners, fault) = client.read(&call, &decode).await?;
    partners.sort_by_key(|partner| partner.uuid);
    let before = partners.len();
    partners.dedup_by_key(|partner| partner.uuid);
    let twice = (partners.len() < before).then(|| "partners: one is listed twice".to_owned());
    Ok((partners, fault.or(twice)))
}

/// A list without pages: its usable rows, and what is wrong with the first unusable one.
pub(crate) fn unpaged<R>(
    rows: Field<Vec<Field<WireNamed>>>,
    name: &'static str,
    parse: impl Fn(WireNamed) -> Result<R, BadField>,
) -> Result<(Vec<R>, Option<String>), String> {
    let wires = rows.ok().ok_or_else(|| format!("it holds no {name}"))?;
    let mut fault = None;
    let mut rows = Vec::with_capacity(wires.len());
    for (at, wire) in wires.into_iter().enumerate() {
        match wire.ok().ok_or("uuid").and_then(&parse) {
            Ok(row) => rows.push(row),
            Err(field) => {
                fault
                    .get_or_insert_with(|| format!("{name}: row {} has no usable {field}", at + 1));
            }
        }
    }
    Ok((rows, fault))
}

/// All pages of a list, sorted, each row once; and why it is not provably everything.
async fn list<T: Transport, P: Paged>(
    client: &Client<T>,
    building: BuildingUuid,
) -> Result<(Vec<P::Row>, Option<String>), Error> {
    let mut listed = pages::<T, P>(client, building).await?;
    if let Listed::Moved(..) = listed {
        // Once: joining and leaving are rare, so a second move points to something else.
        listed = pages::<T, P>(client, building).await?;
    }
    let (mut rows, fault) = match listed {
        Listed::Ended(rows, fault) => (rows, fault),
        Listed::Moved(rows, fault) => (rows, Some(fault)),
    };
    if fault.is_some() {
        rows.sort_by_key(P::uuid);
        rows.dedup_by_key(|row| P::uuid(row));
    }
    let fault = fault.map(|fault| format!("{}: {fault}", P::ROWS));
    Ok((rows, fault))
}

async fn pages<T: Transport, P: Paged>(
    client: &Client<T>,
    building: BuildingUuid,
) -> Result<Listed<P::Row>, Error> {
    let mut account = Account::<P>::new(building);
    let mut tokens = HashSet::new();
    let mut token: Option<String> = None;
    let mut size = PAGE_SIZE;
    loop {
        let call = Call::get(P::NAME, path::<P>(building, size, token.as_deref()));
        let decode = |body: &[u8]| {
            serde_json::from_slice::<P::Page>(body)
                .map(Into::into)
                .map_err(|_| format!("its body is not the JSON of a page of {}", P::ROWS))
        };
        let page: Page<P::Wire> = match client.read(&call, &decode).await {
            Ok(page) => page,
            // A token names a row to go on after, not a page number, so the size may change.
            Err(Error::TooLarge { .. }) if size > SMALLEST_PAGE => {
                size = (size / 4).max(SMALLEST_PAGE);
                continue;
            }
            // These are about the list, not about reaching DOOR OS; what came before is still worth
            // showing.
            Err(error @ (Error::TooLarge { .. } | Error::Unreadable { .. })) => {
                return Ok(account.stop(&error.to_string()));
            }
            Err(Error::Unexpected {
                status: 400, code, ..
            }) if token.is_some() => {
                return Ok(account.stop(&format!("it was refused with 400 {code}")));
            }
            Err(error) => return Err(error),
        };
        token = match account.page(page) {
            Ok(Some(next)) => Some(next),
            Ok(None) => return Ok(account.end()),
            Err(stopped) => return Ok(stopped),
        };
        if let Some(token) = &token
            && !tokens.insert(token.clone())
        {
            return Ok(
                account.stop("its nextPageToken was there before: the list goes in a circle")
            );
        }
    }
}

fn path<P: Paged>(building: BuildingUuid, size: usize, token: Option<&str>) -> String {
    let mut path = format!("{}?buildingUuid={building}&pageSize={size}", P::PATH);
    if let Some(token) = token {
        path.push_str("&pageToken=");
        path.extend(form_urlencoded::byte_serialize(token.as_bytes()));
    }
    path
}
