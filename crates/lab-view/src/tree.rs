//! Paths as a tree of folders, for places that fold and tick whole folders.

use std::collections::BTreeSet;
use std::ops::Range;

/// A folder or a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The last part of the path.
    pub name: String,
    /// The whole path, as people read it.
    pub path: String,
    /// Folders above it.
    pub depth: usize,
    /// Its place in the list that the tree was made of; folders often have none.
    pub row: Option<usize>,
    /// The node after the last one below it.
    pub end: usize,
}

/// Folders and files, each folder before what is in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileTree {
    /// The nodes.
    pub nodes: Vec<Node>,
}

impl FileTree {
    /// The tree of these paths, whatever their order.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut sorted: Vec<(Vec<&str>, usize)> =
            paths.into_iter().enumerate().map(|(row, path)| (path.split('/').collect(), row)).collect();
        sorted.sort();
        let mut tree = Self::default();
        let mut open: Vec<(&str, usize)> = Vec::new();
        for (parts, row) in &sorted {
            let shared = open.iter().zip(parts).take_while(|((name, _), part)| name == *part).count();
            tree.close(&mut open, shared.min(parts.len() - 1));
            for depth in open.len()..parts.len() {
                let path = parts[..=depth].join("/");
                let row = (depth + 1 == parts.len()).then_some(*row);
                open.push((parts[depth], tree.nodes.len()));
                tree.nodes.push(Node { name: parts[depth].to_owned(), path, depth, row, end: 0 });
            }
        }
        tree.close(&mut open, 0);
        tree
    }

    fn close(&mut self, open: &mut Vec<(&str, usize)>, depth: usize) {
        while open.len() > depth {
            if let Some((_, place)) = open.pop() {
                self.nodes[place].end = self.nodes.len();
            }
        }
    }

    /// Whether a node is a folder with something in it.
    pub fn is_folder(&self, place: usize) -> bool {
        self.nodes[place].end > place + 1
    }

    /// The rows at and below a node.
    pub fn rows(&self, place: usize) -> impl Iterator<Item = usize> {
        self.nodes[place..self.nodes[place].end].iter().filter_map(|node| node.row)
    }

    /// The nodes above the one of this row, the outermost first, and the node itself.
    pub fn way_to(&self, row: usize) -> Vec<usize> {
        let Some(place) = self.nodes.iter().position(|node| node.row == Some(row)) else { return Vec::new() };
        let holds = |range: Range<usize>| range.contains(&place);
        (0..=place).filter(|above| holds(*above..self.nodes[*above].end)).collect()
    }

    /// The nodes that are seen when these folders are folded.
    pub fn seen(&self, folded: &BTreeSet<String>) -> Vec<usize> {
        let mut seen = Vec::new();
        let mut place = 0;
        while place < self.nodes.len() {
            seen.push(place);
            let is_folded = !folded.is_empty() && folded.contains(&self.nodes[place].path);
            place = if is_folded { self.nodes[place].end } else { place + 1 };
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(tree: &FileTree, folded: &[&str]) -> Vec<String> {
        let folded = folded.iter().map(|&path| path.to_owned()).collect();
        let line = |place: usize| {
            let node = &tree.nodes[place];
            let sign = if tree.is_folder(place) { "/" } else { "" };
            format!("{}{}{sign}", "  ".repeat(node.depth), node.name)
        };
        tree.seen(&folded).into_iter().map(line).collect()
    }

    #[test]
    fn paths_become_folders_and_files() {
        let tree = FileTree::of(["src/a.py", "src-old", "src/deep/b.py", "src", "readme"]);
        assert_eq!(drawn(&tree, &[]), ["readme", "src/", "  a.py", "  deep/", "    b.py", "src-old"]);
        assert_eq!(drawn(&tree, &["src"]), ["readme", "src/", "src-old"]);
        assert_eq!(tree.nodes[1].row, Some(3));
        assert_eq!(tree.rows(1).collect::<Vec<_>>(), [3, 0, 2]);
        assert_eq!(tree.way_to(2), [1, 3, 4]);
        assert_eq!(drawn(&FileTree::of([]), &[]), [""; 0]);
    }
}
