//! What a component may be made of, looked at before it is compiled: a file of a few kilobytes can keep a compiler busy
//! for hours, and in gigabytes.
//!
//! The numbers are several times those of the largest engines that are compiled to WebAssembly (SpiderMonkey, CPython, the
//! Go runtime: functions of 200 KB, 20 000 of them, 10 000 definitions). What is within them and takes long all the same
//! ends with [`Limits::compile`](crate::Limits::compile).

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::Error;
use crate::limits::Bytes;

/// One function. In bytes; the time that it takes grows faster than its size.
const LARGEST_FUNCTION: usize = 1 << 20;
/// Of all modules together.
const MOST_FUNCTIONS: u64 = 250_000;
/// Modules and components, one in the other or side by side.
const MOST_PARTS: u64 = 1_000;
/// Types, imports, exports, instances, aliases and canonical functions, of all modules and components together.
const MOST_DEFINITIONS: u64 = 100_000;
/// Of a function its variables times the places where its control flow joins: what the compiler has to keep apart.
const MOST_TANGLED: u64 = 1_000_000;

/// Refuses what is larger.
pub(crate) fn check(wasm: &[u8]) -> Result<(), Error> {
    let mut parts = Count::of(MOST_PARTS, "modules and components");
    let mut functions = Count::of(MOST_FUNCTIONS, "functions");
    let mut definitions = Count::of(
        MOST_DEFINITIONS,
        "types, imports, exports, instances and aliases",
    );
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(malformed)? {
            Payload::Version { .. } => parts.add(1)?,
            Payload::CodeSectionEntry(body) => {
                functions.add(1)?;
                check_function(&body)?;
            }
            Payload::TypeSection(section) => definitions.add(section.count())?,
            Payload::ImportSection(section) => definitions.add(section.count())?,
            Payload::ExportSection(section) => definitions.add(section.count())?,
            Payload::InstanceSection(section) => definitions.add(section.count())?,
            Payload::CoreTypeSection(section) => definitions.add(section.count())?,
            Payload::ComponentInstanceSection(section) => definitions.add(section.count())?,
            Payload::ComponentAliasSection(section) => definitions.add(section.count())?,
            Payload::ComponentTypeSection(section) => definitions.add(section.count())?,
            Payload::ComponentCanonicalSection(section) => definitions.add(section.count())?,
            Payload::ComponentImportSection(section) => definitions.add(section.count())?,
            Payload::ComponentExportSection(section) => definitions.add(section.count())?,
            _ => {}
        }
    }
    Ok(())
}

fn check_function(body: &FunctionBody<'_>) -> Result<(), Error> {
    if body.range().len() > LARGEST_FUNCTION {
        let most = Bytes(LARGEST_FUNCTION);
        return Err(Error::Shape(format!(
            "one of its functions is larger than {most}"
        )));
    }
    let mut variables = 0;
    for group in body.get_locals_reader().map_err(malformed)? {
        variables += u64::from(group.map_err(malformed)?.0);
    }
    // A number that even the largest function cannot bring above the limit.
    if variables.saturating_mul(body.range().len() as u64) <= MOST_TANGLED {
        return Ok(());
    }
    let mut joins = 0;
    let mut operators = body.get_operators_reader().map_err(malformed)?;
    while !operators.eof() {
        joins += u64::from(matches!(
            operators.read().map_err(malformed)?,
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::Else
        ));
    }
    match variables.saturating_mul(joins) > MOST_TANGLED {
        true => Err(Error::Shape(format!(
            "one of its functions has {variables} variables in {joins} blocks, which no compiler gets through"
        ))),
        false => Ok(()),
    }
}

/// One of the numbers.
struct Count {
    left: u64,
    most: u64,
    of: &'static str,
}

impl Count {
    fn of(most: u64, of: &'static str) -> Self {
        let left = most;
        Self { left, most, of }
    }

    fn add(&mut self, more: u32) -> Result<(), Error> {
        let left = self.left.checked_sub(u64::from(more));
        let too_many = || Error::Shape(format!("it has more than {} {}", self.most, self.of));
        self.left = left.ok_or_else(too_many)?;
        Ok(())
    }
}

fn malformed(error: wasmparser::BinaryReaderError) -> Error {
    Error::Compile(error.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(component: &str) -> String {
        let wasm = wat::parse_str(format!("(component {component})")).unwrap();
        match check(&wasm) {
            Err(Error::Shape(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    fn function(variables: usize, loops: usize) -> String {
        format!(
            "(core module (func (local {}) {} {}))",
            "i32 ".repeat(variables),
            "loop ".repeat(loops),
            "end ".repeat(loops)
        )
    }

    #[test]
    fn what_is_too_much_is_named() {
        let body = "i32.const 1 drop ".repeat((LARGEST_FUNCTION / 3) + 1);
        let large = format!("(core module (func {body}))");
        assert_eq!(refused(&large), "one of its functions is larger than 1 MiB");
        let parts = "(core module)".repeat(1_000);
        assert_eq!(
            refused(&parts),
            "it has more than 1000 modules and components"
        );
        let functions = format!("(core module {})", "(func)".repeat(250_001));
        assert_eq!(refused(&functions), "it has more than 250000 functions");
        let types = "(type (list u8))".repeat(100_001);
        assert!(refused(&types).starts_with("it has more than 100000 types"));
        assert!(refused(&function(1_000, 1_001)).contains("1000 variables in 1001 blocks"));
    }

    #[test]
    fn what_is_large_and_made_by_a_compiler_passes() {
        let body = "i32.const 1 drop ".repeat(100_000);
        for component in [
            format!("(core module (func {body}))"),
            "(core module (func))".repeat(900),
            function(1_000, 1_000),
            function(40_000, 20),
        ] {
            check(&wat::parse_str(format!("(component {component})")).unwrap()).unwrap();
        }
    }
}
