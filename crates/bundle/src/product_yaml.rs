//! PRODUCT.yaml.

use crate::Product;

/// The text of PRODUCT.yaml: the fields of a product, each in quotes, so that no reader of YAML
/// takes `1.30` for a number. A JSON string is one in YAML as well; the characters in which YAML 1.1
/// differs are refused when the product file is read.
#[must_use]
pub fn text(product: &Product) -> String {
    let line = |(name, value): &(&str, String)| {
        format!("{name}: {}\n", serde_json::Value::from(value.as_str()))
    };
    product.fields.iter().map(line).collect()
}
