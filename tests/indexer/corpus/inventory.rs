//! Stock of a small shop.

use std::collections::HashMap;
use std::fmt;

pub const MAX_ITEMS: usize = 1_000;
static GREETING: &str = "hello";

pub type Result<T> = std::result::Result<T, StockError>;

#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub name: String,
    pub count: u32,
}

pub struct Meters(f64);

pub enum StockError {
    Missing(String),
    Full { limit: usize },
}

union Bits {
    float: f32,
    int: u32,
}

pub trait Store {
    type Key;
    const NAME: &'static str;

    fn get(&self, key: &Self::Key) -> Option<&Item>;

    fn has(&self, key: &Self::Key) -> bool {
        self.get(key).is_some()
    }
}

#[derive(Default)]
pub struct Memory<K, V = Item> {
    items: HashMap<K, V>,
}

impl<K: Eq + std::hash::Hash> Memory<K> {
    const EMPTY: usize = 0;

    pub fn new() -> Self {
        fn capacity() -> usize {
            16
        }
        Self { items: HashMap::with_capacity(capacity()) }
    }

    pub async fn add(&mut self, key: K, item: Item) -> Result<()> {
        let count = |n: u32| n + 1;
        self.items.insert(key, Item { count: count(item.count), ..item });
        Ok(())
    }
}

impl<K> Store for Memory<K>
where
    K: Eq + std::hash::Hash,
{
    type Key = K;
    const NAME: &'static str = "memory";

    fn get(&self, key: &K) -> Option<&Item> {
        self.items.get(key)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.name, self.count)
    }
}

#[macro_export]
macro_rules! item {
    ($name:expr) => {
        Item { name: $name.to_string(), count: 1 }
    };
}

extern "C" {
    fn strlen(text: *const u8) -> usize;
}

pub mod prices {
    pub fn total<'a>(items: impl Iterator<Item = &'a super::Item>) -> u32 {
        items.map(|item| item.count).sum()
    }

    pub(crate) mod rounding {
        pub const fn up(value: u32) -> u32 {
            value + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_has_a_name() {
        assert_eq!(item!("a").name, "a");
    }
}
