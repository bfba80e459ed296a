//! Every block of Helm values in the documentation, given to the chart.

use serde_json::{Value, json};
use test_support::{Chart, Helm};

use crate::{
    manifests::{as_told, is_bad},
    pages::{Block, all},
};

/// Whether a block of yaml holds values rather than manifests.
pub(crate) fn is_values(block: &Block) -> bool {
    block.info.starts_with("yaml") && block.text.lines().next().is_some_and(|line| line.starts_with("# values.yaml"))
}

/// Whether the chart takes these settings of `--set` and its like; an error is what Helm says.
pub(crate) async fn takes(settings: &[&str]) -> Result<(), String> {
    let chart = Helm::chart();
    let head = ["template", Chart::RELEASE, chart.to_str().unwrap(), "--namespace", Chart::RELEASE];
    let arguments: Vec<&str> = head.iter().chain(settings).copied().collect();
    let output = Helm::offline().run(&arguments, &Value::Null).await;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[tokio::test]
async fn every_block_of_values_is_taken_by_the_chart_and_every_bad_one_refused() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in all() {
        let blocks = page.blocks();
        for (index, block) in blocks.iter().enumerate().filter(|(_, block)| is_values(block)) {
            count += 1;
            let values: Value = match serde_saphyr::from_str(&block.text) {
                // Nothing but comments.
                Ok(Value::Null) => json!({}),
                Ok(values) => values,
                Err(error) => {
                    wrong.push(format!("{}: no YAML: {error}", page.at(block.line)));
                    continue;
                }
            };
            let result = match (Chart::rendered(Chart::RELEASE, &values).await, is_bad(block)) {
                (Ok(_), false) => Ok(()),
                (Err(told), true) => as_told(&told, blocks.get(index + 1)),
                (Ok(_), true) => Err("is taken, though it is there as a bad example".to_owned()),
                (Err(told), false) => Err(told),
            };
            if let Err(why) = result {
                wrong.push(format!("{}: {why}", page.at(block.line)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 3, "{count} blocks of values were found");
}
