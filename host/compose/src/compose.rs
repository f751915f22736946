//! The graph: who answers which import.

use std::collections::BTreeMap;

use wac_graph::types::{Package, SubtypeChecker, WorldId};
use wac_graph::{CompositionGraph, NodeId, PackageId};
use wasmparser::{Validator, WasmFeatures};

use crate::capability::Inherit;
use crate::componentize::{ComponentizeError, componentize};
use crate::deny;
use crate::error::{ComposeError, Problem};
use crate::name::Name;

/// What answers imports of a component.
#[derive(Clone, Debug)]
pub struct Dependency<'a> {
    /// As in the manifest: an import's name, or a package's with or without interface and version.
    pub name: &'a str,
    /// A component or a module.
    pub wasm: &'a [u8],
    /// The export to use; `None` is the one named like the import.
    pub export: Option<&'a str>,
    /// What it may use of the component's permissions.
    pub inherit: Inherit,
}

/// `component` with its dependencies inside: what they answer is no longer imported, and what they must not reach is
/// denied. Exports what `component` exports. `id` is for errors.
///
/// Both the component and its dependencies may be modules; see [`componentize`].
///
/// # Errors
///
/// If names match nothing, or types differ, or something cannot be denied: all that is found.
pub fn compose(
    id: &str,
    component: &[u8],
    dependencies: &[Dependency<'_>],
) -> Result<Vec<u8>, ComposeError> {
    let fails = |problems| ComposeError {
        component: id.into(),
        problems,
    };
    if dependencies.is_empty() {
        return match componentize(component) {
            Ok(component) => Ok(component.into_owned()),
            Err(error) => Err(fails(vec![Problem::Component(error)])),
        };
    }
    let (mut graph, dependent, parts) = read(component, dependencies).map_err(fails)?;
    let links = link(&graph, dependent, &parts).map_err(fails)?;
    connect(&mut graph, dependent, &parts, links)
        .and_then(|denials| deny_all(&mut graph, denials))
        .map_err(fails)?;
    graph
        .encode(wac_graph::EncodeOptions::default())
        .map_err(|error| fails(vec![Problem::Encode(chain(&error))]))
}

/// A component in the graph.
#[derive(Clone, Copy)]
struct Node {
    package: PackageId,
    instance: NodeId,
    world: WorldId,
}

struct Part<'a> {
    dependency: &'a Dependency<'a>,
    node: Node,
}

/// An import of the dependent, and the export of a part that answers it.
struct Link {
    import: String,
    part: usize,
    export: String,
}

fn read<'a>(
    component: &[u8],
    dependencies: &'a [Dependency<'a>],
) -> Result<(CompositionGraph, Node, Vec<Part<'a>>), Vec<Problem>> {
    let mut graph = CompositionGraph::new();
    let mut problems = vec![];
    let dependent = componentize(component)
        .and_then(|component| add(&mut graph, "component", component.into_owned()));
    let mut parts = vec![];
    for (index, dependency) in dependencies.iter().enumerate() {
        let added = componentize(dependency.wasm).and_then(|component| {
            // Two dependencies may be of one package, so its name would not do.
            let name = format!("dependency {index}");
            add(&mut graph, &name, component.into_owned())
        });
        match added {
            Ok(node) => parts.push(Part { dependency, node }),
            Err(reason) => problems.push(Problem::Dependency {
                dependency: dependency.name.into(),
                reason,
            }),
        }
    }
    match dependent {
        Ok(dependent) if problems.is_empty() => Ok((graph, dependent, parts)),
        Ok(_) => Err(problems),
        Err(error) => {
            problems.insert(0, Problem::Component(error));
            Err(problems)
        }
    }
}

fn add(
    graph: &mut CompositionGraph,
    name: &str,
    component: Vec<u8>,
) -> Result<Node, ComponentizeError> {
    // The graph takes more than any host runs, and is not made for all that it takes.
    let features = WasmFeatures::default()
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS;
    Validator::new_with_features(features)
        .validate_all(&component)
        .map_err(|error| ComponentizeError::Invalid(error.to_string()))?;
    let package = Package::from_bytes(name, None, component, graph.types_mut())
        .map_err(|error| ComponentizeError::Invalid(format!("{error:#}")))?;
    let world = package.ty();
    let package = graph
        .register_package(package)
        .map_err(|error| ComponentizeError::Invalid(error.to_string()))?;
    let instance = graph.instantiate(package);
    Ok(Node {
        package,
        instance,
        world,
    })
}

/// Finds what answers each import, and checks that it fits.
fn link(
    graph: &CompositionGraph,
    dependent: Node,
    parts: &[Part<'_>],
) -> Result<Vec<Link>, Vec<Problem>> {
    let imports = &graph.types()[dependent.world].imports;
    let mut answers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut problems = vec![];
    for (index, part) in parts.iter().enumerate() {
        let Some(name) = Name::parse(part.dependency.name) else {
            problems.push(Problem::Name(part.dependency.name.into()));
            continue;
        };
        let mut matched = imports
            .keys()
            .filter(|import| name.stands_for(import))
            .peekable();
        if matched.peek().is_none() {
            problems.push(Problem::Unmatched {
                dependency: part.dependency.name.into(),
                imports: imports.keys().cloned().collect(),
            });
        }
        for import in matched {
            answers.entry(import).or_default().push(index);
        }
    }

    let mut links = vec![];
    for (import, answer) in answers {
        if let [part] = answer[..] {
            match fit(graph, dependent, import, &parts[part]) {
                Ok(export) => links.push(Link {
                    import: import.into(),
                    part,
                    export,
                }),
                Err(problem) => problems.push(problem),
            }
        } else {
            problems.push(Problem::Conflict {
                import: import.into(),
                dependencies: answer
                    .into_iter()
                    .map(|index| parts[index].dependency.name.into())
                    .collect(),
            });
        }
    }
    if problems.is_empty() {
        Ok(links)
    } else {
        Err(problems)
    }
}

/// The export that answers an import.
fn fit(
    graph: &CompositionGraph,
    dependent: Node,
    import: &str,
    part: &Part<'_>,
) -> Result<String, Problem> {
    let types = graph.types();
    let exports = &types[part.node.world].exports;
    let dependency = part.dependency.name.to_owned();
    let export = part.dependency.export.unwrap_or(import).to_owned();
    let import_name = import.to_owned();
    let Some(offered) = exports.get(&export) else {
        return Err(Problem::MissingExport {
            dependency,
            export,
            import: import_name,
            exports: exports.keys().cloned().collect(),
        });
    };
    let wanted = types[dependent.world].imports[import];
    // What was compared is remembered by the pair alone, so each comparison starts anew.
    match SubtypeChecker::new(&mut Default::default()).is_subtype(*offered, types, wanted, types) {
        Ok(()) => Ok(export),
        Err(error) => Err(Problem::Incompatible {
            dependency,
            export,
            import: import_name,
            reason: format!("{error:#}"),
        }),
    }
}

/// What a part must not reach.
struct Denial<'a> {
    part: &'a Part<'a>,
    imports: Vec<String>,
}

fn connect<'a>(
    graph: &mut CompositionGraph,
    dependent: Node,
    parts: &'a [Part<'a>],
    links: Vec<Link>,
) -> Result<Vec<Denial<'a>>, Vec<Problem>> {
    let encode = |error: &dyn std::error::Error| vec![Problem::Encode(chain(error))];
    for link in links {
        let answer = graph
            .alias_instance_export(parts[link.part].node.instance, &link.export)
            .map_err(|e| encode(&e))?;
        graph
            .set_instantiation_argument(dependent.instance, &link.import, answer)
            .map_err(|e| encode(&e))?;
    }
    let exports: Vec<_> = graph.types()[dependent.world]
        .exports
        .keys()
        .cloned()
        .collect();
    for name in exports {
        let export = graph
            .alias_instance_export(dependent.instance, &name)
            .map_err(|e| encode(&e))?;
        graph.export(export, &name).map_err(|e| encode(&e))?;
    }
    let denials = parts.iter().map(|part| Denial {
        part,
        imports: graph.types()[part.node.world]
            .imports
            .keys()
            .filter(|import| !part.dependency.inherit.permits(import))
            .cloned()
            .collect(),
    });
    Ok(denials
        .filter(|denial| !denial.imports.is_empty())
        .collect())
}

fn deny_all(graph: &mut CompositionGraph, denials: Vec<Denial<'_>>) -> Result<(), Vec<Problem>> {
    let problems: Vec<_> = denials
        .iter()
        .filter_map(|denial| {
            let reason = deny_one(graph, denial).err()?;
            Some(Problem::Undeniable {
                dependency: denial.part.dependency.name.into(),
                imports: denial.imports.clone(),
                reason,
            })
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Answers every import of the denial, or fails: an import that is left would reach the host.
fn deny_one(graph: &mut CompositionGraph, denial: &Denial<'_>) -> Result<(), String> {
    let component = graph[denial.part.node.package].bytes();
    let Some(refusal) = deny::refusal(component, &denial.imports)? else {
        return Ok(());
    };
    let name = format!("denied to {}", denial.part.dependency.name);
    let node = add(graph, &name, refusal.component).map_err(|error| error.to_string())?;
    for import in &refusal.imports {
        let answer = graph
            .alias_instance_export(node.instance, import)
            .map_err(|e| chain(&e))?;
        graph
            .set_instantiation_argument(denial.part.node.instance, import, answer)
            .map_err(|e| chain(&e))?;
    }
    Ok(())
}

/// An error and its causes as one text.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
