//! A document as it is written: every value with its place and whether it stands in quotes, nothing interpreted yet.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{Position, one_line, quoted, split::Part};

/// How deep fields may be nested. Our deepest has six levels.
const MAX_DEPTH: usize = 64;
/// How many values a document may have. The largest object allowed has about a thousand.
const MAX_NODES: usize = 100_000;

/// Something that is wrong with the text itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) position: Position,
    pub(super) message: String,
}

/// A whole document, and what is wrong with it although it could be read to its end.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) node: Node,
    pub(super) problems: Vec<Problem>,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) position: Position,
    pub(super) data: Data,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Data {
    /// A text, and whether it stands there without quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    List(Vec<Node>),
    /// A group of fields.
    Fields(Vec<Field>),
}

/// A field of a group.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) position: Position,
    pub(super) value: Node,
}

impl Node {
    /// Nothing at all, as between two markers or behind `doors:`; the parser says `~` where nothing is written.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if text.is_empty() || text == "~")
    }

    /// Where the first word of the value stands.
    pub(super) fn start(&self) -> Position {
        self.fields()
            .and_then(<[Field]>::first)
            .map_or(self.position, |field| field.position)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            Data::List(_) | Data::Fields(_) => None,
        }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.data {
            Data::List(items) => Some(items),
            Data::Scalar { .. } | Data::Fields(_) => None,
        }
    }

    pub(super) fn fields(&self) -> Option<&[Field]> {
        match &self.data {
            Data::Fields(fields) => Some(fields),
            Data::Scalar { .. } | Data::List(_) => None,
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields()?.iter().find(|field| field.name == name)
    }
}

/// Reads the text of one document.
pub(super) fn read(part: Part<'_>) -> Result<Vec<Root>, Problem> {
    let options = granit_parser::options! {
        strict_indentation: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        emit_comments: false,
        emit_unresolved_aliases: true,
    };
    let parser = Parser::new_from_str_with_options(part.text, options);
    let mut reader = Reader {
        parser,
        lines_before: part.lines_before,
        problems: Vec::new(),
        nodes: 0,
    };
    let mut roots = Vec::new();
    while let Some((event, span)) = reader.next()? {
        if matches!(
            event,
            Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(_)
        ) {
            let node = reader.node(event, span, 0)?;
            reader.nodes = 0;
            roots.push(Root {
                node,
                problems: std::mem::take(&mut reader.problems),
            });
        }
    }
    Ok(roots)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    lines_before: usize,
    problems: Vec<Problem>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Problem> {
        self.parser
            .next_event()
            .transpose()
            .map_err(|error| self.broken(&error))
    }

    /// The next event inside a list or a group, where the text must not end.
    fn inner(&mut self, begin: Position) -> Result<(Event<'a>, Span), Problem> {
        let message = "the text ends in the middle of a list or a group of fields";
        self.next()?.ok_or_else(|| Problem {
            position: begin,
            message: message.to_owned(),
        })
    }

    fn broken(&self, error: &ScanError) -> Problem {
        let mark = error.marker();
        let position = Position {
            line: mark.line().max(1) + self.lines_before,
            column: mark.col() + 1,
        };
        Problem {
            position,
            message: format!("not readable as YAML: {}", one_line(&error.info())),
        }
    }

    fn position(&self, span: Span) -> Position {
        Position {
            line: span.start.line().max(1) + self.lines_before,
            column: span.start.col() + 1,
        }
    }

    fn problem(&mut self, position: Position, message: impl Into<String>) {
        self.problems.push(Problem {
            position,
            message: message.into(),
        });
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Problem> {
        let position = self.position(span);
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            let message = if depth > MAX_DEPTH {
                "this is nested too deeply"
            } else {
                "this document is too large"
            };
            return Err(Problem {
                position,
                message: message.to_owned(),
            });
        }
        let (tag, data) = match event {
            Event::Scalar(text, style, _, tag) => {
                // `!!str 101` says as clearly as quotes that it is text.
                let text_tag = tag
                    .as_ref()
                    .is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !text_tag;
                (
                    tag.filter(|_| !text_tag),
                    Data::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                )
            }
            Event::SequenceStart(_, _, tag) => (tag, Data::List(self.list(position, depth)?)),
            Event::MappingStart(_, _, tag) => (tag, Data::Fields(self.group(position, depth)?)),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.problem(
                    position,
                    "an alias (`*name`) is not read here: write the value out",
                );
                (
                    None,
                    Data::Scalar {
                        text: String::new(),
                        plain: false,
                    },
                )
            }
            _ => {
                let message = "not readable as YAML: a value is missing here".to_owned();
                return Err(Problem { position, message });
            }
        };
        if let Some(tag) = tag {
            self.problem(
                position,
                format!(
                    "a tag ({}) is not read here: leave it out",
                    quoted(&tag.original())
                ),
            );
        }
        Ok(Node { position, data })
    }

    fn list(&mut self, begin: Position, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.inner(begin)?;
            match event {
                Event::SequenceEnd => return Ok(items),
                Event::StreamEnd | Event::DocumentEnd => return Err(self.cut_short(begin)),
                event => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn group(&mut self, begin: Position, depth: usize) -> Result<Vec<Field>, Problem> {
        let mut fields: Vec<Field> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.inner(begin)?;
            match event {
                Event::MappingEnd => return Ok(fields),
                Event::StreamEnd | Event::DocumentEnd => return Err(self.cut_short(begin)),
                event => {
                    let key = self.node(event, span, depth + 1)?;
                    let (event, span) = self.inner(begin)?;
                    let value = self.node(event, span, depth + 1)?;
                    self.field(key, value, &mut fields, &mut lines);
                }
            }
        }
    }

    fn field(
        &mut self,
        key: Node,
        value: Node,
        fields: &mut Vec<Field>,
        lines: &mut HashMap<String, usize>,
    ) {
        let Node { position, data } = key;
        let Data::Scalar { text: name, plain } = data else {
            return self.problem(
                position,
                "the name of a field must be a word, not a list or a group",
            );
        };
        if plain && name == "<<" {
            return self.problem(
                position,
                "merging with `<<` is not read here: write the fields out",
            );
        }
        if let Some(first) = lines.get(&name) {
            let message = format!(
                "{} is written twice in one group; the first is in line {first}",
                quoted(&name)
            );
            return self.problem(position, message);
        }
        lines.insert(name.clone(), position.line);
        fields.push(Field {
            name,
            position,
            value,
        });
    }

    fn cut_short(&self, position: Position) -> Problem {
        Problem {
            position,
            message: "the text ends in the middle of a list or a group of fields".to_owned(),
        }
    }
}
