//! A cursor in a list of which only a window is in memory.

use std::ops::Range;

/// Where to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Motion {
    /// So many rows down; up when negative.
    By(i64),
    /// So many windows down; up when negative.
    Page(i64),
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// To this row.
    To(usize),
}

/// A cursor, and which part of the list is on screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The row under the cursor.
    pub row: usize,
    /// The first row on screen.
    pub top: usize,
    /// Rows that fit on the screen, as the painter last said.
    pub height: usize,
    /// Rows in all.
    pub total: usize,
    /// No row is pointed at: every motion scrolls. So it is with text.
    pub scrolls: bool,
    /// What is on screen is not bound to the row: only a motion brings it into sight. So it is in a window.
    pub roams: bool,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { row: 0, top: 0, height: 20, total: 0, scrolls: false, roams: false }
    }
}

/// Rows are read in blocks of so many, so that a step of the cursor asks for nothing new.
const BLOCK: usize = 200;

impl Cursor {
    /// A place in a text.
    pub fn in_text() -> Self {
        Self { scrolls: true, ..Self::default() }
    }

    /// Moves the cursor and keeps it in sight.
    pub fn go(&mut self, motion: Motion) {
        let last = if self.scrolls { self.furthest() } else { self.total.saturating_sub(1) };
        let by = |rows: i64| self.row.saturating_add_signed(rows as isize);
        // A page keeps one row in sight, so that the eye finds its place.
        let page = self.height.saturating_sub(1).max(1) as i64;
        self.row = match motion {
            Motion::By(rows) => by(rows),
            Motion::Page(pages) => by(pages * page),
            Motion::First => 0,
            Motion::Last => last,
            Motion::To(row) => row,
        }
        .min(last);
        if self.scrolls {
            self.top = self.row;
        }
        self.bring_into_sight();
    }

    /// The painter shows so many rows from this one on, wherever the row is: it scrolls by itself.
    pub fn see(&mut self, top: usize, height: usize) {
        self.roams = true;
        self.top = top;
        self.height = height.max(1);
        if self.scrolls {
            self.row = top;
        }
    }

    /// Scrolls without moving the cursor further than needed.
    pub fn scroll(&mut self, rows: i64) {
        self.top = self.top.saturating_add_signed(rows as isize).min(self.furthest());
        if self.scrolls {
            self.row = self.top;
            return;
        }
        if self.roams {
            return;
        }
        self.row = self.row.clamp(self.top, (self.top + self.height).saturating_sub(1).max(self.top));
        self.row = self.row.min(self.total.saturating_sub(1));
    }

    /// The painter has room for so many rows.
    pub fn resize(&mut self, height: usize) {
        self.height = height.max(1);
        self.keep_in_sight();
    }

    /// The list has so many rows.
    pub fn set_total(&mut self, total: usize) {
        self.total = total;
        self.row = self.row.min(total.saturating_sub(1));
        self.keep_in_sight();
    }

    /// The rows that are on screen.
    pub fn visible(&self) -> Range<usize> {
        self.top..(self.top + self.height).min(self.total)
    }

    /// The rows to be in memory: whole blocks around what is on screen.
    pub fn window(&self) -> Range<usize> {
        let first = self.top / BLOCK;
        let last = (self.top + self.height) / BLOCK + 1;
        // Up to a block more before and behind, so that scrolling does not wait.
        first.saturating_sub(1) * BLOCK..(last + 1) * BLOCK
    }

    /// The first row on screen when the last one is on screen.
    const fn furthest(&self) -> usize {
        self.total.saturating_sub(self.height)
    }

    fn keep_in_sight(&mut self) {
        if !self.roams {
            self.bring_into_sight();
        }
    }

    fn bring_into_sight(&mut self) {
        if self.scrolls {
            self.top = self.top.min(self.furthest());
            self.row = self.top;
            return;
        }
        if self.row < self.top {
            self.top = self.row;
        } else if self.row >= self.top + self.height {
            self.top = self.row + 1 - self.height;
        }
        self.top = self.top.min(self.furthest());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_the_list_and_in_sight() {
        let mut cursor = Cursor { total: 100, height: 10, ..Cursor::default() };
        let mut check = |motion, row, top| {
            cursor.go(motion);
            assert_eq!((cursor.row, cursor.top), (row, top), "{motion:?}");
        };
        check(Motion::By(-1), 0, 0);
        check(Motion::By(9), 9, 0);
        check(Motion::By(1), 10, 1);
        check(Motion::Page(1), 19, 10);
        check(Motion::Last, 99, 90);
        check(Motion::By(5), 99, 90);
        check(Motion::Page(-1), 90, 90);
        check(Motion::Page(-1), 81, 81);
        check(Motion::To(1000), 99, 90);
        check(Motion::First, 0, 0);
    }

    #[test]
    fn scrolling_takes_the_cursor_along_only_at_the_edge() {
        let mut cursor = Cursor { total: 100, height: 10, row: 5, ..Cursor::default() };
        cursor.scroll(3);
        assert_eq!((cursor.row, cursor.top), (5, 3));
        cursor.scroll(3);
        assert_eq!((cursor.row, cursor.top), (6, 6));
        cursor.scroll(1000);
        assert_eq!((cursor.row, cursor.top), (90, 90));
    }

    #[test]
    fn a_text_scrolls_at_once_and_stops_at_its_end() {
        let mut cursor = Cursor { total: 100, height: 10, ..Cursor::in_text() };
        for (motion, top) in [
            (Motion::By(1), 1),
            (Motion::Page(1), 10),
            (Motion::To(50), 50),
            (Motion::Last, 90),
            (Motion::By(1), 90),
            (Motion::By(-1), 89),
            (Motion::First, 0),
        ] {
            cursor.go(motion);
            assert_eq!((cursor.row, cursor.top), (top, top), "{motion:?}");
        }
    }

    #[test]
    fn a_shorter_list_pulls_the_cursor_back() {
        let mut cursor = Cursor { total: 100, height: 10, row: 99, top: 90, ..Cursor::default() };
        cursor.set_total(5);
        assert_eq!((cursor.row, cursor.top), (4, 0));
        cursor.set_total(0);
        assert_eq!((cursor.row, cursor.visible()), (0, 0..0));
    }

    #[test]
    fn a_window_scrolls_away_from_the_row_and_a_motion_comes_back_to_it() {
        let mut cursor = Cursor { total: 100, height: 10, row: 5, ..Cursor::default() };
        cursor.see(40, 12);
        assert_eq!((cursor.row, cursor.visible()), (5, 40..52));
        cursor.set_total(200);
        assert_eq!((cursor.row, cursor.top), (5, 40));
        cursor.go(Motion::By(1));
        assert_eq!((cursor.row, cursor.top), (6, 6));
    }

    #[test]
    fn the_window_is_stable_while_the_cursor_moves_in_it() {
        let at = |top| Cursor { top, total: 100_000, height: 50, ..Cursor::default() }.window();
        assert_eq!(at(0), 0..400);
        assert_eq!(at(149), 0..400);
        assert_eq!(at(450), 200..800);
    }
}
