//! Identifiers of DOOR OS things. One type each, so that a door can never be passed for a key.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_newtype!(
    /// A building: what DOOR OS shows as a property.
    BuildingUuid
);
uuid_newtype!(
    /// A door: a place, independent of the device mounted on it (DOMAIN KB-24271724771735).
    DoorUuid
);
uuid_newtype!(
    /// A key: a set of doors with settings.
    KeyUuid
);
uuid_newtype!(
    /// A third-party partner.
    PartnerUuid
);
