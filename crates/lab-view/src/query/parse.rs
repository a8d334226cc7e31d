//! Text to [`Query`]: recursive descent right over the characters, since what ends a word depends on
//! where it stands.

use super::words::{self, ASPECTS, DIRECTIVES, FIELDS, FILTERS, FUNCTIONS};
use super::{Expression, Literal, Operand, Operator, Place, Query, QueryError, Sorting};

type Parsed<T> = Result<T, QueryError>;

/// Deeper nesting is refused: nobody writes it, and the stack is finite.
const DEEPEST: usize = 100;

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// What is wrong first, and where.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let mut parser = Parser { text, at: 0, depth: 0, query: Self::default() };
        let mut terms = Vec::new();
        parser.blanks();
        if parser.peek().is_some() {
            terms.extend(parser.or()?);
        }
        parser.blanks();
        if parser.peek() == Some(')') {
            return Err(QueryError::new("This parenthesis closes nothing", parser.at..parser.at + 1));
        }
        parser.query.filter = terms.pop();
        Ok(parser.query)
    }
}

/// What can end a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// A key or text: operators and colons too.
    AtOperators,
    /// A value: only blanks, parentheses and commas.
    AtBlanks,
}

pub(super) struct Word {
    pub text: String,
    pub quoted: bool,
    pub start: usize,
    pub end: usize,
}

impl Word {
    fn literal(self) -> Literal {
        Literal { place: Place(self.start..self.end), text: self.text }
    }

    fn is(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// What directives have said so far.
    query: Query,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.text[self.at..].starts_with(symbol);
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    fn missing(&self, what: &str, hint: &str) -> QueryError {
        let width = self.peek().map_or(0, char::len_utf8);
        QueryError::new(what, self.at..self.at + width).hint(hint)
    }

    /// A word; `None` where none begins.
    fn word(&mut self, ends: Ends) -> Parsed<Option<Word>> {
        let start = self.at;
        let (mut text, mut quoted) = (String::new(), false);
        while let Some(c) = self.peek() {
            let operator = matches!(c, ':' | '=' | '<' | '>' | '~') || self.text[self.at..].starts_with("!=");
            if c.is_whitespace() || matches!(c, '(' | ')' | ',') || (ends == Ends::AtOperators && operator) {
                break;
            }
            if c == '"' {
                quoted = true;
                self.quoted(&mut text)?;
            } else {
                text.push(c);
                self.at += c.len_utf8();
            }
        }
        Ok((self.at > start).then_some(Word { text, quoted, start, end: self.at }))
    }

    /// What stands between quotation marks; a backslash takes the next character as it is.
    fn quoted(&mut self, text: &mut String) -> Parsed<()> {
        let start = self.at;
        let mut escaped = false;
        for (place, c) in self.text[start + 1..].char_indices() {
            match c {
                _ if escaped => {
                    escaped = false;
                    text.push(c);
                }
                '\\' => escaped = true,
                '"' => {
                    self.at = start + 1 + place + 1;
                    return Ok(());
                }
                c => text.push(c),
            }
        }
        Err(QueryError::new("This quotation mark is never closed", start..start + 1))
    }

    /// The next word without moving.
    fn next_is(&mut self, word: &str) -> bool {
        let at = self.at;
        let found = self.word(Ends::AtOperators).ok().flatten().is_some_and(|found| found.is(word));
        // `and=1` is about a key called `and`.
        let alone = !matches!(self.peek(), Some(':' | '=' | '<' | '>' | '~' | '!'));
        self.at = at;
        found && alone
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = self.next_is(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn or(&mut self) -> Parsed<Option<Expression>> {
        let mut terms: Vec<Expression> = self.and()?.into_iter().collect();
        loop {
            self.blanks();
            let start = self.at;
            if !self.keyword("or") {
                break;
            }
            let Some(next) = self.and()?.filter(|_| !terms.is_empty()) else {
                return Err(QueryError::new("A condition is missing beside this `or`", start..start + 2)
                    .hint("such as `acc > 0.9 or tag:baseline`"));
            };
            terms.push(next);
        }
        Ok(fold(terms, Expression::Or))
    }

    fn and(&mut self) -> Parsed<Option<Expression>> {
        let mut terms = Vec::new();
        loop {
            self.blanks();
            let start = self.at;
            if matches!(self.peek(), None | Some(')')) || self.next_is("or") {
                break;
            }
            if !self.keyword("and") {
                terms.extend(self.unary()?);
                continue;
            }
            self.blanks();
            let next = if matches!(self.peek(), None | Some(')')) || self.next_is("or") || self.next_is("and") {
                None
            } else {
                self.unary()?
            };
            let Some(next) = next.filter(|_| !terms.is_empty()) else {
                return Err(QueryError::new("A condition is missing beside this `and`", start..start + 3)
                    .hint("such as `acc > 0.9 and tag:baseline`"));
            };
            terms.push(next);
        }
        Ok(fold(terms, Expression::And))
    }

    /// One term; `None` for a directive.
    fn unary(&mut self) -> Parsed<Option<Expression>> {
        self.blanks();
        let start = self.at;
        if self.depth > DEEPEST {
            return Err(QueryError::new("This is nested too deeply", start..start + 1));
        }
        if self.keyword("not") {
            self.depth += 1;
            self.blanks();
            let term = if matches!(self.peek(), None | Some(')')) { None } else { self.unary()? };
            self.depth -= 1;
            return match term {
                Some(term) => Ok(Some(Expression::Not(Box::new(term)))),
                None => Err(QueryError::new("A condition is missing after `not`", start..start + 3)
                    .hint("such as `not tag:baseline`")),
            };
        }
        if self.take("(") {
            self.depth += 1;
            let term = self.or()?;
            self.depth -= 1;
            if !self.take(")") {
                return Err(QueryError::new("This parenthesis is never closed", start..start + 1));
            }
            return match term {
                Some(term) => Ok(Some(term)),
                None => Err(QueryError::new("There is no condition in these parentheses", start..self.at)),
            };
        }
        self.term()
    }

    fn term(&mut self) -> Parsed<Option<Expression>> {
        let Some(word) = self.word(Ends::AtOperators)? else {
            return Err(self.missing(
                "A condition cannot begin so",
                "write a key before an operator, as in `acc > 0.9`, or put text in quotation marks",
            ));
        };
        if self.peek() == Some(':') && !word.quoted {
            self.at += 1;
            return self.colon(&word);
        }
        let called = self.peek() == Some('(') && !word.quoted;
        let operand = if called { self.call(&word)? } else { operand(None, &word) };
        let after = self.at;
        self.blanks();
        let Some(operator) = self.operator() else {
            if called {
                self.at = after;
                return Err(self.missing("An operator is missing", "such as `best(acc) > 0.9`"));
            }
            // What was passed over belongs to the next term.
            self.at = after;
            return Ok(Some(Expression::Text(word.literal())));
        };
        self.blanks();
        let value = self.word(Ends::AtBlanks)?;
        let value = value.ok_or_else(|| {
            let hint = "a number, a word, or text in quotation marks";
            self.missing(&format!("A value is missing after {}", operator.symbol()), hint)
        })?;
        Ok(Some(Expression::Compare(operand, operator, value.literal())))
    }

    fn operator(&mut self) -> Option<Operator> {
        const LONGEST_FIRST: [(&str, Operator); 9] = [
            ("<=", Operator::AtMost),
            (">=", Operator::AtLeast),
            ("!=", Operator::Unequal),
            ("<>", Operator::Unequal),
            ("==", Operator::Equal),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::More),
            ("~", Operator::Contains),
        ];
        LONGEST_FIRST.iter().find(|(symbol, _)| self.take(symbol)).map(|(_, operator)| *operator)
    }

    /// `best(val/loss)`, the word read already.
    fn call(&mut self, word: &Word) -> Parsed<Operand> {
        let Some(function) = words::find(FUNCTIONS, &word.text) else {
            let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
            return Err(QueryError::new(format!("There is no function {}", word.text), word.start..word.end)
                .hint(format!("there are {}", names.join(", "))));
        };
        let open = self.at;
        self.at += 1;
        self.blanks();
        let key = self.word(Ends::AtBlanks)?;
        let key = key.ok_or_else(|| self.missing("The name of a metric is missing", "such as `best(val/loss)`"))?;
        self.blanks();
        if !self.take(")") {
            return Err(QueryError::new("This parenthesis is never closed", open..open + 1));
        }
        let place = Place(word.start..self.at);
        Ok(Operand { function: Some(function), key: key.text, place })
    }

    fn colon(&mut self, word: &Word) -> Parsed<Option<Expression>> {
        if let Some(directive) = words::find(DIRECTIVES, &word.text) {
            if self.depth > 0 {
                let message = format!("{directive}: is no condition");
                return Err(QueryError::new(message, word.start..self.at)
                    .hint("it stands beside the conditions, not within parentheses or after `not`"));
            }
            self.directive(directive)?;
            return Ok(None);
        }
        let Some(name) = words::find(FILTERS, &word.text) else {
            let names = FILTERS.iter().chain(DIRECTIVES).map(|name| name.name);
            let near = words::alike(&word.text, names.clone());
            let known = FIELDS.iter().any(|field| field.name == word.text);
            let hint = match near.first() {
                _ if known => format!("write `{} = …`", word.text),
                Some(near) => format!("did you mean `{near}:`? Text with a colon stands in quotation marks"),
                None => {
                    let names: Vec<String> = names.map(|name| format!("{name}:")).collect();
                    format!("there are {}; text with a colon stands in quotation marks", names.join(" "))
                }
            };
            return Err(QueryError::new(format!("There is no filter {}:", word.text), word.start..self.at).hint(hint));
        };
        let mut values = Vec::new();
        loop {
            let missing = |parser: &Self| parser.missing(&format!("A value is missing after {name}:"), &example(name));
            let value = self.word(Ends::AtBlanks)?;
            let value = value.ok_or_else(|| missing(self))?;
            if self.peek() == Some('(') && value.is("same") && ASPECTS.contains(&name) && values.is_empty() {
                return self.same(name).map(Some);
            }
            values.push(value.literal());
            if !self.take(",") {
                break;
            }
        }
        Ok(Some(Expression::Filter { name, values }))
    }

    /// `(@-1)` after `code:same`.
    fn same(&mut self, aspect: &'static str) -> Parsed<Expression> {
        let open = self.at;
        self.at += 1;
        self.blanks();
        let run = self.word(Ends::AtBlanks)?;
        let run = run.ok_or_else(|| self.missing("A run is missing", "@ is the newest run, @-1 the one before"))?;
        self.blanks();
        if !self.take(")") {
            return Err(QueryError::new("This parenthesis is never closed", open..open + 1));
        }
        Ok(Expression::Same { aspect, run: run.literal() })
    }

    fn directive(&mut self, directive: &'static str) -> Parsed<()> {
        if directive == "limit" {
            let word = self.word(Ends::AtBlanks)?;
            let word = word.ok_or_else(|| self.missing("A number is missing after limit:", "such as `limit:50`"))?;
            let number = word.text.parse().map_err(|_| {
                QueryError::new("The limit is a whole number", word.start..word.end).hint("0 lists all")
            })?;
            self.query.limit = Some(number);
            return Ok(());
        }
        loop {
            let descending = directive == "sort" && self.take("-");
            let _ = directive == "sort" && !descending && self.take("+");
            let word = self.word(Ends::AtBlanks)?;
            let word =
                word.ok_or_else(|| self.missing(&format!("A key is missing after {directive}:"), &example(directive)))?;
            let called = self.peek() == Some('(') && !word.quoted;
            let by = if called { self.call(&word)? } else { operand(None, &word) };
            match directive {
                "sort" => self.query.sort.push(Sorting { by, descending }),
                "group" => self.query.group.push(by),
                _ => self.query.columns.push(by),
            }
            if !self.take(",") {
                return Ok(());
            }
        }
    }
}

fn operand(function: Option<&'static str>, word: &Word) -> Operand {
    Operand { function, key: word.text.clone(), place: Place(word.start..word.end) }
}

/// Several terms become one; one stays as it is.
fn fold(mut terms: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Option<Expression> {
    if terms.len() > 1 { Some(join(terms)) } else { terms.pop() }
}

fn example(name: &str) -> String {
    let value = match name {
        "sort" => "-best(acc)",
        "group" => "lr",
        "columns" => "name,lr,best(acc)",
        "tag" => "baseline",
        "is" => "starred",
        "status" => "failed",
        "has" => "acc",
        "since" | "until" => "2026-01-01",
        "code" | "config" | "data" | "env" => "same(@)",
        _ => "word",
    };
    format!("such as `{name}:{value}`")
}

impl Operator {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Contains => "~",
        }
    }
}
