//! What the language knows of an integration's parameters is what the service's model says.

use api::Service;
use api::model::{Kind, Shape};
use asl::{INTEGRATIONS, ParameterField, ParameterKind};

use crate::world::World;

#[test]
fn run_task_takes_what_ecs_takes() {
    let world = World::new();
    let operation = world.ecs.model().operation("RunTask").unwrap();
    let integration = INTEGRATIONS.iter().find(|row| row.action == "runTask").unwrap();
    let mut differences = Vec::new();
    // Step Functions makes the token itself.
    compare_fields(integration.parameters, operation.input, &["clientToken"], "Parameters", &mut differences);
    assert_eq!(differences, Vec::<String>::new());
}

fn compare_fields(
    fields: &[ParameterField],
    shape: &Shape,
    left_out: &[&str],
    path: &str,
    differences: &mut Vec<String>,
) {
    let members: Vec<_> = shape.members().iter().filter(|member| !left_out.contains(&member.name)).collect();
    if members.len() != fields.len() {
        differences.push(format!("{path}: {} fields, {} members", fields.len(), members.len()));
    }
    for member in members {
        let name = format!("{}{}", member.name[..1].to_uppercase(), &member.name[1..]);
        let path = format!("{path}.{name}");
        match fields.iter().find(|field| field.name == name) {
            None => differences.push(format!("{path}: missing")),
            Some(field) if field.required != member.required => {
                differences.push(format!("{path}: required {}", field.required));
            }
            Some(field) => compare(&field.kind, member.shape, &path, differences),
        }
    }
}

fn compare(kind: &ParameterKind, shape: &Shape, path: &str, differences: &mut Vec<String>) {
    match (kind, &shape.kind) {
        (ParameterKind::Text, Kind::String(_))
        | (ParameterKind::Integer, Kind::Integer(_))
        | (ParameterKind::Boolean, Kind::Boolean) => {}
        (ParameterKind::List(element), Kind::List(list)) => {
            compare(element, list.element, path, differences);
        }
        (ParameterKind::Structure(fields), Kind::Structure(_)) => {
            compare_fields(fields, shape, &[], path, differences);
        }
        _ => differences.push(format!("{path}: {kind:?} for {:?}", shape.name)),
    }
}
