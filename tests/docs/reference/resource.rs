//! The chapter on the custom resource, made of the CRD: what `kubectl explain` shows, and the rules besides.

use cloudhsm_backup_operator::api::{REQUESTED_AT, crds};
use serde_json::Value;

use super::{code, table};

pub(super) fn chapter() -> String {
    let crd = serde_json::to_value(crds()).unwrap()[0].take();
    let names = &crd["spec"]["names"];
    let version = &crd["spec"]["versions"][0];
    let schema = &version["schema"]["openAPIV3Schema"];
    let version_name = format!("{}/{}", text(&crd["spec"]["group"]), text(&version["name"]));
    let mut page = super::chapter(
        text(&names["kind"]),
        &format!(
            "{} `kubectl explain chb.spec` and `kubectl explain chb.status` show the same.",
            text(&schema["description"])
        ),
    );

    let categories = strings(&names["categories"]).map(code).collect::<Vec<_>>().join(", ");
    page += "\n";
    for (what, value) in [
        ("apiVersion", code(&version_name)),
        ("kind", code(text(&names["kind"]))),
        ("plural and short name", format!("{}, {}", code(text(&names["plural"])), short_names(names))),
        ("category", format!("{categories}, and not `all`: `kubectl delete all` doesn't reach it")),
        ("scope", text(&crd["spec"]["scope"]).to_owned()),
        ("selectable fields", selectable(version)),
    ] {
        page += &format!("* {what}: {value}\n");
    }

    page += "\n## spec\n\n";
    page += &format!("{}\n\n", paragraphs(&schema["properties"]["spec"]));
    page += &fields(&schema["properties"]["spec"]);
    page += "\n### Rules\n\n";
    page += "What breaks a rule is refused by the API server, with the message here.\n\n";
    page += &rules(schema);

    page += "\n## status\n\n";
    page += "Written by the operator alone. ";
    page += &format!("{}\n\n", paragraphs(&schema["properties"]["status"]));
    page += &format!(
        "An object that no operator has seen has the status `{}`, so that tools don't take it for done.\n\n",
        schema["properties"]["status"]["default"]
    );
    page += &fields(&schema["properties"]["status"]);
    for name in ["lastWrite", "conditions"] {
        let field = &schema["properties"]["status"]["properties"][name];
        let object = if field["items"].is_object() { &field["items"] } else { field };
        page += &format!("\n### status.{name}\n\n{}\n\n", paragraphs(field));
        page += &fields(object);
    }

    page += "\n## Columns of kubectl get\n\n";
    page += &table(["column", "shown", "field", "meaning"], columns(version));

    page += "\n## Annotation\n\n";
    page += &format!(
        "`{REQUESTED_AT}`, set to a new value, asks for a fresh look at AWS now; `status.lastHandledRequestedAt` echoes the value with \
         the first status that answers it, failures included. Removing it asks for nothing.\n"
    );
    page
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().unwrap().iter().map(text)
}

fn short_names(names: &Value) -> String {
    strings(&names["shortNames"]).map(code).collect::<Vec<_>>().join(", ")
}

fn selectable(version: &Value) -> String {
    let paths = version["selectableFields"].as_array().unwrap().iter().map(|field| text(&field["jsonPath"]));
    let paths: Vec<String> = paths.map(|path| code(path.trim_start_matches('.'))).collect();
    format!("{}, as in `kubectl get chb --field-selector spec.desiredState=Deleted`", paths.join(", "))
}

fn paragraphs(schema: &Value) -> String {
    let paragraphs = text(&schema["description"]).split("\n\n");
    paragraphs.map(|lines| lines.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n\n")
}

/// The type as people say it.
fn type_of(schema: &Value) -> String {
    let kind = text(&schema["type"]);
    match (kind, &schema["format"], &schema["additionalProperties"]) {
        ("string", Value::String(format), _) if format == "date-time" => "time".into(),
        ("array", ..) => format!("list of {}", type_of(&schema["items"])),
        ("object", _, Value::Object(_)) => format!("map of {}", type_of(&schema["additionalProperties"])),
        _ => kind.into(),
    }
}

/// One row for each field.
fn fields(object: &Value) -> String {
    let required: Vec<&str> = object["required"].as_array().into_iter().flatten().map(text).collect();
    let rows = object["properties"].as_object().unwrap().iter().map(|(name, schema)| {
        let mut kind = type_of(schema);
        if let Some(words) = schema["enum"].as_array() {
            kind = words.iter().map(|word| code(text(word))).collect::<Vec<_>>().join(" or ");
        }
        let needed = if required.contains(&name.as_str()) { "yes" } else { "" };
        let default = schema.get("default").map(|value| format!(" Default: {}.", code(value))).unwrap_or_default();
        let meaning = format!("{}{default}", text(&schema["description"]));
        [code(name), kind, needed.to_owned(), meaning]
    });
    table(["field", "type", "required", "meaning"], rows)
}

/// Everything that the API server checks beyond types: of the object first, then of its fields.
fn rules(schema: &Value) -> String {
    let mut rows = Vec::new();
    let cel = |field: &str, of: &Value, rows: &mut Vec<[String; 3]>| {
        for rule in of["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let field = rule["fieldPath"].as_str().map_or(field, |path| path.trim_start_matches('.'));
            rows.push([code(field), code(text(&rule["rule"])), text(&rule["message"]).to_owned()]);
        }
    };
    cel("", schema, &mut rows);
    for (name, field) in schema["properties"]["spec"]["properties"].as_object().unwrap() {
        let path = format!("spec.{name}");
        cel(&path, field, &mut rows);
        if let Some(pattern) = field["pattern"].as_str() {
            rows.push([code(&path), format!("pattern {}", code(pattern)), "should match the pattern".into()]);
        }
        if let Some(length) = field["maxLength"].as_u64() {
            rows.push([code(&path), format!("at most {length} characters"), "may not be more than that".into()]);
        }
        if let Some(words) = field["enum"].as_array() {
            let words = words.iter().map(|word| format!("{word}")).collect::<Vec<_>>().join(", ");
            rows.push([code(&path), "one of the words".into(), format!("supported values: {words}")]);
        }
    }
    table(["field", "rule", "message"], rows)
}

fn columns(version: &Value) -> Vec<[String; 4]> {
    let columns = version["additionalPrinterColumns"].as_array().unwrap();
    let row = |column: &Value| {
        let shown = if column["priority"].as_i64().unwrap_or_default() > 0 { "with `-o wide`" } else { "always" };
        let name = text(&column["name"]).to_uppercase();
        [name, shown.to_owned(), code(text(&column["jsonPath"])), text(&column["description"]).to_owned()]
    };
    columns.iter().map(row).collect()
}
