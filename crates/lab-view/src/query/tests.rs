use proptest::prelude::*;

use super::words::{ASPECTS, DIRECTIVES, FILTERS, FUNCTIONS};
use super::*;

#[test]
fn queries_read_as_they_print() {
    // What is typed, and how it prints.
    let table = [
        ("", ""),
        ("otter", "otter"),
        ("acc>0.9", "acc > 0.9"),
        ("acc > 0.9 lr<=1e-3", "acc > 0.9 and lr <= 1e-3"),
        ("a or b and c", "a or b and c"),
        ("(a or b) AND c", "(a or b) and c"),
        ("not a b", "not a and b"),
        ("not (a b)", "not (a and b)"),
        ("best(val/loss) < -0.3", "best(val/loss) < -0.3"),
        ("\"learning rate\" == 1", "\"learning rate\" = 1"),
        ("param.\"a b\"=1", "\"param.a b\" = 1"),
        ("tag:x,\"y z\"", "tag:x,\"y z\""),
        ("code:same(@-1)", "code:same(@-1)"),
        ("since:2026-01-01T12:30", "since:\"2026-01-01T12:30\""),
        ("sort:-best(acc),lr a", "a sort:-best(acc),lr"),
        ("group:lr,seed columns:name limit:5", "group:lr,seed columns:name limit:5"),
        ("\"and\" \"a\\\"b\"", "\"and\" and \"a\\\"b\""),
        ("a<>1 and=2", "a != 1 and \"and\" = 2"),
        ("name ~ über", "name ~ über"),
    ];
    for (typed, printed) in table {
        let query = Query::parse(typed).unwrap_or_else(|error| panic!("{}", error.told(typed)));
        assert_eq!(query.to_string(), printed, "{typed}");
        assert_eq!(Query::parse(printed), Ok(query), "{typed}");
    }
}

#[test]
fn what_is_wrong_is_pointed_at() {
    // The query, carets below it, and a part of the message or hint.
    let table = [
        ("acc >", "     ^", "A value is missing after >"),
        ("acc > 0.9 or", "          ^^", "`or`"),
        ("or a", "^^", "`or`"),
        ("a and", "  ^^^", "`and`"),
        ("not", "^^^", "`not`"),
        ("(a", "^", "never closed"),
        ("a)", " ^", "closes nothing"),
        ("()", "^^", "no condition"),
        ("a \"b", "  ^", "quotation mark"),
        ("bset(a) > 1", "^^^^", "there are best, last"),
        ("best() > 1", "     ^", "name of a metric"),
        ("best(a)", "       ^", "operator"),
        ("tga:x", "^^^^", "did you mean `tag:`"),
        ("tag:", "    ^", "A value is missing after tag:"),
        ("status = failed lr:3", "                ^^^", "no filter lr:"),
        ("(sort:a)", " ^^^^^", "sort: is no condition"),
        ("limit:x", "      ^", "whole number"),
        ("sort:", "     ^", "A key is missing"),
        ("= 3", "^", "cannot begin so"),
        ("über = 1 ) x", "         ^", "closes nothing"),
        ("code:same(@", "         ^", "never closed"),
    ];
    for (text, carets, said) in table {
        let error = Query::parse(text).expect_err(text);
        let told = error.told(text);
        assert_eq!(told.lines().nth(2), Some(&*format!("  {carets}")), "{text}: {told}");
        let all = format!("{} {}", error.message, error.hint.unwrap_or_default());
        assert!(all.contains(said), "{text}: {all}");
    }
}

#[test]
fn deep_nesting_is_refused_and_does_no_harm() {
    assert!(Query::parse(&"(".repeat(100_000)).is_err());
    assert!(Query::parse(&"not ".repeat(100_000)).is_err());
}

#[test]
fn every_example_of_the_reference_is_read() {
    let page = include_str!("../../../../docs/query.md");
    let examples: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split('`').next()).collect();
    assert!(examples.len() > 25);
    for example in examples {
        Query::parse(example).unwrap_or_else(|error| panic!("{}", error.told(example)));
    }
    for name in FILTERS.iter().chain(DIRECTIVES).map(|name| format!("{}:", name.name)) {
        assert!(page.contains(&name), "the reference does not tell of {name}");
    }
    for name in FIELDS.iter().chain(FUNCTIONS).map(|name| format!("`{}", name.name)) {
        assert!(page.contains(&name), "the reference does not tell of {name}`");
    }
}

#[test]
fn completion_offers_what_is_there() {
    let vocabulary = Vocabulary {
        params: vec!["lr".into(), "model.depth".into(), "two words".into()],
        metrics: vec!["acc".into(), "val/loss".into()],
        values: vec!["adam".into(), "sgd".into()],
    };
    // The text, `|` at the cursor, and what is offered first.
    let table = [
        ("ac|", vec!["acc"]),
        ("los|", vec!["val/loss"]),
        ("acc |", vec!["=", "!="]),
        ("best(|", vec!["acc", "val/loss"]),
        ("best(v|", vec!["val/loss"]),
        ("status:f|", vec!["failed"]),
        ("is:st|", vec!["starred"]),
        ("code:s|", vec!["same("]),
        ("code:same(|", vec!["@", "@-1"]),
        ("optim = a|", vec!["adam"]),
        ("tag:a|", vec!["adam"]),
        ("sort:-ac|", vec!["acc"]),
        ("group:lr,mod|", vec!["model.depth"]),
        ("two|", vec!["\"two words\""]),
        ("lr = 1 and ta|", vec!["tags", "tag:"]),
        ("\"ac|", vec![]),
        ("sinc|", vec!["since:"]),
    ];
    for (text, expected) in table {
        let cursor = text.find('|').unwrap();
        let offers = complete(&text.replace('|', ""), cursor, &vocabulary);
        let texts: Vec<&str> = offers.iter().map(|offer| offer.text.as_str()).take(expected.len().max(1)).collect();
        assert_eq!(texts, expected, "{text}");
    }
    let offer = complete("x sort:-ac", 10, &vocabulary).remove(0);
    assert_eq!(offer.replaces, 8..10);
}

#[test]
fn narrowing_keeps_both_conditions() {
    let query = |text| Query::parse(text).unwrap();
    let both = query("a or b sort:x limit:3").narrowed(query("c sort:-y"));
    assert_eq!(both.to_string(), "(a or b) and c sort:-y limit:3");
}

fn literal() -> impl Strategy<Value = Literal> {
    let text = prop_oneof!["[a-z]{1,6}(/[a-z]{1,3})?", "-?[0-9]{1,3}(\\.[0-9])?", "\\PC{0,6}", Just("same".to_owned())];
    text.prop_map(|text| Literal { text, place: Place::default() })
}

fn operand() -> impl Strategy<Value = Operand> {
    let function =
        proptest::option::of(proptest::sample::select(FUNCTIONS)).prop_map(|name| name.map(|name| name.name));
    (function, literal()).prop_map(|(function, key)| Operand { function, key: key.text, place: Place::default() })
}

fn expression() -> impl Strategy<Value = Expression> {
    const OPERATORS: [Operator; 7] = [
        Operator::Equal,
        Operator::Unequal,
        Operator::Less,
        Operator::AtMost,
        Operator::More,
        Operator::AtLeast,
        Operator::Contains,
    ];
    let operator = proptest::sample::select(&OPERATORS[..]);
    let filter = (proptest::sample::select(FILTERS), proptest::collection::vec(literal(), 1..3));
    let leaf = prop_oneof![
        literal().prop_map(Expression::Text),
        (operand(), operator, literal()).prop_map(|(left, operator, right)| Expression::Compare(left, operator, right)),
        filter.prop_map(|(name, values)| Expression::Filter { name: name.name, values }),
        (proptest::sample::select(&ASPECTS[..]), literal()).prop_map(|(aspect, run)| Expression::Same { aspect, run }),
    ];
    leaf.prop_recursive(4, 20, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
            inner.prop_map(|term| Expression::Not(Box::new(term))),
        ]
    })
}

proptest! {
    #[test]
    fn printing_and_reading_gives_the_same(
        filter in proptest::option::of(expression()),
        sort in proptest::collection::vec((operand(), any::<bool>()), 0..3),
        group in proptest::collection::vec(operand(), 0..3),
        columns in proptest::collection::vec(operand(), 0..3),
        limit in proptest::option::of(0_usize..1000),
    ) {
        let sort = sort.into_iter().map(|(by, descending)| Sorting { by, descending }).collect();
        let query = Query { filter, sort, group, columns, limit };
        let text = query.to_string();
        prop_assert_eq!(Query::parse(&text), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", cursor in 0_usize..40) {
        if let Err(error) = Query::parse(&text) {
            prop_assert!(error.place.end <= text.len());
            error.told(&text);
        }
        let cursor = text.char_indices().map(|(place, _)| place).nth(cursor).unwrap_or(text.len());
        complete(&text, cursor, &Vocabulary::default());
    }
}
