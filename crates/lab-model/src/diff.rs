//! Pure comparisons.

use std::collections::BTreeMap;

use crate::{Entry, Hash, Kind, RelPath, Tree};

/// A path that differs between two trees. A directory that is only on one side is followed by
/// everything below it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathDiff {
    /// Where.
    pub path: RelPath,
    /// The entry on the left; `None` when it is not there.
    pub left: Option<Entry>,
    /// The entry on the right.
    pub right: Option<Entry>,
}

/// Every path at which two trees differ, parents before children, names in order. Sub-trees with
/// the same id are equal and are not loaded, so that the cost is that of the difference.
///
/// A directory on both sides is listed itself only when its mode or time differs.
///
/// # Errors
/// Those of `load`.
pub fn trees<E>(
    left: Option<Hash>,
    right: Option<Hash>,
    load: &mut dyn FnMut(&Hash) -> Result<Tree, E>,
) -> Result<Vec<PathDiff>, E> {
    let mut found = Vec::new();
    // An explicit stack: a tree can be deeper than the program's own.
    let mut stack = vec![Step::Tree(RelPath::root(), left, right)];
    while let Some(step) = stack.pop() {
        let (path, left, right) = match step {
            Step::Found(diff) => {
                found.push(*diff);
                continue;
            }
            Step::Tree(path, left, right) => (path, left, right),
        };
        if left == right {
            continue;
        }
        let mut tree = |id: Option<Hash>| id.map_or_else(|| Ok(Tree::default()), |id| load(&id));
        let (left, right) = (tree(left)?.entries, tree(right)?.entries);
        let mut steps = Vec::new();
        for (left, right) in merge(left, right) {
            if left == right {
                continue;
            }
            let name = left.as_ref().or(right.as_ref()).map(|entry| entry.name.clone()).unwrap_or_default();
            // Names in a decoded tree are plain; should one not be, it is no path and is passed over.
            let Ok(path) = path.join(&name) else { continue };
            let below = |entry: &Option<Entry>| entry.as_ref().and_then(|entry| entry.tree);
            let (left_tree, right_tree) = (below(&left), below(&right));
            if !same_directory(left.as_ref(), right.as_ref()) {
                steps.push(Step::Found(Box::new(PathDiff { path: path.clone(), left, right })));
            }
            if left_tree != right_tree {
                steps.push(Step::Tree(path, left_tree, right_tree));
            }
        }
        stack.extend(steps.into_iter().rev());
    }
    Ok(found)
}

enum Step {
    Found(Box<PathDiff>),
    Tree(RelPath, Option<Hash>, Option<Hash>),
}

fn same_directory(left: Option<&Entry>, right: Option<&Entry>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return false };
    left.kind == Kind::Directory
        && right.kind == Kind::Directory
        && (left.mode, left.mtime, left.mtime_nanos) == (right.mode, right.mtime, right.mtime_nanos)
}

/// Pairs two sorted lists by name.
fn merge(left: Vec<Entry>, right: Vec<Entry>) -> Vec<(Option<Entry>, Option<Entry>)> {
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut pairs = Vec::new();
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(left), Some(right)) => left.name.cmp(&right.name),
        };
        pairs.push(match order {
            std::cmp::Ordering::Less => (left.next(), None),
            std::cmp::Ordering::Greater => (None, right.next()),
            std::cmp::Ordering::Equal => (left.next(), right.next()),
        });
    }
}

/// A key whose value differs between two maps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyDiff<V> {
    /// The key.
    pub key: String,
    /// The value on the left; `None` when it is not there.
    pub left: Option<V>,
    /// The value on the right.
    pub right: Option<V>,
}

/// The keys whose values differ, in order, and how many are equal.
pub fn maps<V: PartialEq + Clone>(left: &BTreeMap<String, V>, right: &BTreeMap<String, V>) -> (Vec<KeyDiff<V>>, usize) {
    let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let total = keys.len();
    let different: Vec<_> = keys
        .into_iter()
        .filter(|key| left.get(*key) != right.get(*key))
        .map(|key| KeyDiff { key: key.clone(), left: left.get(key).cloned(), right: right.get(key).cloned() })
        .collect();
    let equal = total - different.len();
    (different, equal)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{Content, Domain, Role};

    /// Builds trees from lines such as `a/b=1`.
    fn build(lines: &[&str], store: &mut HashMap<Hash, Tree>) -> Hash {
        let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in lines {
            let (name, rest) = line.split_once('/').unwrap_or((line.split_once('=').unwrap().0, line));
            names.entry(name).or_default().push(rest);
        }
        let entry = |name: &str, tree, content| Entry {
            name: name.into(),
            kind: if Option::<Hash>::is_none(&tree) { Kind::File } else { Kind::Directory },
            role: Role::Code,
            mode: 0o644,
            size: 0,
            mtime: 0,
            mtime_nanos: 0,
            sparse: false,
            unsteady: false,
            content,
            tree,
            target: Vec::new(),
        };
        let mut tree = Tree::default();
        for (name, rest) in names {
            tree.entries.push(match rest[0].split_once('=') {
                Some((file, value)) if file == name => {
                    entry(name, None, Content::Copied(Hash::of(Domain::Content, value.as_bytes())))
                }
                _ => entry(name, Some(build(&rest, store)), Content::Missing),
            });
        }
        let id = Tree::id_of(&tree.encode());
        store.insert(id, tree);
        id
    }

    #[test]
    fn trees_list_each_difference_and_load_nothing_else() {
        let mut store = HashMap::new();
        let left = build(&["a=1", "d/x=1", "d/y=1", "gone/z=1", "same/q=1"], &mut store);
        let right = build(&["a=2", "d/x=1", "d/y=2", "new=1", "same/q=1"], &mut store);
        let mut loads = 0;
        let found = trees::<()>(Some(left), Some(right), &mut |id| {
            loads += 1;
            Ok(store[id].clone())
        })
        .unwrap();
        let text: Vec<_> = found
            .iter()
            .map(|diff| {
                format!(
                    "{}{}{}",
                    diff.path,
                    if diff.left.is_some() { " -" } else { "" },
                    if diff.right.is_some() { " +" } else { "" }
                )
            })
            .collect();
        assert_eq!(text, ["a - +", "d/y - +", "gone -", "gone/z -", "new +"]);
        assert_eq!(loads, 5, "the two roots, the two `d`, and `gone`");
    }

    #[test]
    fn maps_tell_added_removed_and_changed() {
        let map = |text: &str| -> BTreeMap<String, char> {
            text.split(' ').map(|pair| (pair[..1].to_owned(), pair.chars().nth(1).unwrap())).collect()
        };
        let (different, equal) = maps(&map("a1 b2 c3"), &map("a1 b9 d4"));
        let told: Vec<_> = different.iter().map(|diff| (diff.key.as_str(), diff.left, diff.right)).collect();
        assert_eq!(told, [("b", Some('2'), Some('9')), ("c", Some('3'), None), ("d", None, Some('4'))]);
        assert_eq!(equal, 1);
    }
}
