//! Reading JSON the way Go writes it: a nil slice or a zero enum is `null`.

use serde::{Deserialize, Deserializer};

/// Takes `null` for the default value.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
