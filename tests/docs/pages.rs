//! The Markdown files of the repository, and what is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use test_support::root;

/// One Markdown file.
pub(crate) struct Page {
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A fenced block of code.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    /// What stands behind the fence: the language, and more.
    pub(crate) info: String,
    pub(crate) text: String,
    /// Of the fence.
    pub(crate) line: usize,
}

/// A link or an image.
#[derive(Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) to: String,
    pub(crate) line: usize,
    pub(crate) is_image: bool,
    /// For an image what is read out in its place.
    pub(crate) text: String,
}

/// All of them, sorted.
pub(crate) fn all() -> Vec<Page> {
    let mut paths = Vec::new();
    collect(root(), &mut paths);
    paths.sort();
    let page = |path: &PathBuf| Page {
        path: path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    };
    let pages: Vec<Page> = paths.iter().map(page).collect();
    assert!(pages.iter().any(|page| page.path == "docs/index.md"), "the search for pages found no book");
    pages
}

/// The page with that path.
pub(crate) fn page(path: &str) -> Page {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Page { path: path.to_owned(), text }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            // What others wrote, and what was built.
            if !matches!(name.as_str(), "target" | ".git" | "node_modules") && !path.join("CACHEDIR.TAG").exists() {
                collect(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

impl Page {
    fn events(&self) -> impl Iterator<Item = (Event<'_>, usize)> {
        let mut at = 0;
        let mut line = 1;
        Parser::new_ext(&self.text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_GFM)
            .into_offset_iter()
            .map(move |(event, range)| {
                // Events come in order, but the end of a paragraph begins where the paragraph does.
                if range.start >= at {
                    line += self.text[at..range.start].matches('\n').count();
                    at = range.start;
                }
                (event, line)
            })
    }

    /// Where something stands, for people to find it.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }

    /// The blocks of code.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut open = false;
        for (event, line) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    blocks.push(Block { info, text: String::new(), line });
                    open = true;
                }
                Event::End(TagEnd::CodeBlock) => open = false,
                Event::Text(text) if open => blocks.last_mut().unwrap().text += &text,
                _ => {}
            }
        }
        blocks
    }

    /// The code within the text, with its lines.
    pub(crate) fn inline_code(&self) -> Vec<(String, usize)> {
        let code = |(event, line)| match event {
            Event::Code(text) => Some((text.to_string(), line)),
            _ => None,
        };
        self.events().filter_map(code).collect()
    }

    /// The links and images, without those in code.
    pub(crate) fn links(&self) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        let mut open = Vec::new();
        for (event, line) in self.events() {
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => {
                    open.push(links.len());
                    links.push(Link { to: dest_url.to_string(), line, is_image: false, text: String::new() });
                }
                Event::Start(Tag::Image { dest_url, .. }) => {
                    open.push(links.len());
                    links.push(Link { to: dest_url.to_string(), line, is_image: true, text: String::new() });
                }
                Event::End(TagEnd::Link | TagEnd::Image) => drop(open.pop()),
                Event::Text(text) | Event::Code(text) => {
                    for index in &open {
                        links[*index].text += &text;
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    for attribute in ["href=\"", "src=\""] {
                        for rest in html.split(attribute).skip(1) {
                            let to = rest.split('"').next().unwrap_or_default().to_owned();
                            links.push(Link { to, line, is_image: false, text: String::new() });
                        }
                    }
                }
                _ => {}
            }
        }
        links
    }

    /// The text of each heading, with its level.
    pub(crate) fn headings(&self) -> Vec<(u8, String)> {
        let mut headings: Vec<(u8, String)> = Vec::new();
        let mut open = false;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    headings.push((level as u8, String::new()));
                    open = true;
                }
                Event::End(TagEnd::Heading(_)) => open = false,
                Event::Text(text) | Event::Code(text) if open => headings.last_mut().unwrap().1 += &text,
                _ => {}
            }
        }
        headings
    }

    /// The anchors of its headings, as GitHub and mdBook both make them.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut anchors = BTreeSet::new();
        for (_, text) in self.headings() {
            let keep = |c: char| match c {
                ' ' => Some('-'),
                '-' | '_' => Some(c),
                c if c.is_alphanumeric() => c.to_lowercase().next(),
                _ => None,
            };
            let anchor: String = text.trim().chars().filter_map(keep).collect();
            let count = counts.entry(anchor.clone()).or_default();
            anchors.insert(if *count == 0 { anchor } else { format!("{anchor}-{count}") });
            *count += 1;
        }
        anchors
    }
}

#[test]
fn blocks_links_and_anchors_are_found_with_their_lines() {
    let text = "# A `Title`, twice\n\nSee [there](b.md#c) and ![a picture](p.svg).\n\n```yaml invalid\na: 1\n\nb: 2\n```\n\n\
                * item\n\n  ```console\n  $ make\n  ```\n\n## A Title twice\n\n`[no](link)` <a href=\"x.md\">x</a>\n";
    let page = Page { path: "a.md".into(), text: text.into() };
    let block = |info: &str, text: &str, line| Block { info: info.into(), text: text.into(), line };
    assert_eq!(page.blocks(), [block("yaml invalid", "a: 1\n\nb: 2\n", 5), block("console", "$ make\n", 13)]);
    let links: Vec<_> = page.links().into_iter().map(|link| (link.to, link.line, link.is_image, link.text)).collect();
    let link = |to: &str, line, is_image, text: &str| (to.to_owned(), line, is_image, text.to_owned());
    assert_eq!(
        links,
        [link("b.md#c", 3, false, "there"), link("p.svg", 3, true, "a picture"), link("x.md", 19, false, "")]
    );
    assert_eq!(page.anchors(), BTreeSet::from(["a-title-twice".to_owned(), "a-title-twice-1".to_owned()]));
    assert_eq!(page.at(3), "a.md:3");
}
