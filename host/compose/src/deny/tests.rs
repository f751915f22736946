//! What a refusal answers, for every kind of type, called as a host would.

use wasmtime::component::{Component, Linker, Resource, ResourceType, Val};
use wasmtime::{Engine, Store};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

use super::*;

const WIT: &str = "
package a:it;
world it { import wasi:it/denied; }

package wasi:it {
    interface denied {
        use other.{foreign};

        resource thing { constructor(name: string); id: func() -> u64; both: static func() -> tuple<thing, thing>; }
        flags many { a, b }
        enum plain { first, second }
        enum success { success, error }
        variant words { other(string), permission-denied, late }
        variant texts { early(u64), undefined(string), late(string) }
        variant holder { works, handle(theirs) }
        type theirs = foreign;
        record lent { a: u64, b: tuple<string, borrow<foreign>>, c: option<option<borrow<foreign>>> }
        record pair { number: u8, text: string, error: success }

        nothing: func();
        number: func(a: u8, b: list<string>) -> s64;
        small: func() -> u8;
        real: func() -> f64;
        letter: func() -> char;
        text: func() -> string;
        items: func() -> list<tuple<string, u64>>;
        maybe: func() -> option<pair>;
        switches: func() -> many;
        kind: func() -> plain;
        record-of-all: func() -> pair;
        plain-error: func() -> result<u32>;
        enum-error: func() -> result<string, success>;
        words-error: func() -> result<u64, words>;
        text-error: func() -> result<u8, texts>;
        record-error: func() -> result<_, pair>;
        holder-error: func() -> result<_, holder>;
        option-error: func() -> result<_, option<string>>;
        string-error: func() -> result<_, string>;
        maker: func() -> thing;
        foreign-result: func() -> foreign;
        nested: func() -> result<_, result<_, words>>;
        given: func(one: borrow<foreign>, two: option<foreign>, three: lent) -> result<_, words>;
        wide: func(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64, i: u64, j: u64, k: u64,
            l: u64, m: u64, n: u64, o: u64, p: u64, q: string) -> result<_, words>;
    }
    interface other { resource foreign { constructor(); } }
}
";

fn refusing(wit: &str, imports: &[&str]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("it")).unwrap();
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = wit_component::dummy_module(&resolve, world, abi);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default();
    let component = encoder.module(&module).unwrap().encode().unwrap();
    let imports: Vec<_> = imports.iter().map(|import| (*import).to_owned()).collect();
    refusal(&component, &imports).unwrap().unwrap().component
}

/// A resource of the host.
struct Foreign;

struct Called {
    /// The state counts the resources of the host that were dropped.
    store: Store<u32>,
    instance: wasmtime::component::Instance,
}

impl Called {
    fn new(refusal: &[u8]) -> Self {
        let engine = Engine::default();
        let component = Component::new(&engine, refusal).unwrap();
        let mut linker = Linker::new(&engine);
        linker
            .instance("wasi:it/other")
            .unwrap()
            .resource(
                "foreign",
                ResourceType::host::<Foreign>(),
                |mut store, _| {
                    *store.data_mut() += 1;
                    Ok(())
                },
            )
            .unwrap();
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Self { store, instance }
    }

    fn foreign(&mut self) -> Val {
        let resource = Resource::<Foreign>::new_own(1);
        Val::Resource(resource.try_into_resource_any(&mut self.store).unwrap())
    }

    /// The result as text, or `trap`.
    fn call(&mut self, function: &str, arguments: &[Val]) -> String {
        let interface = self
            .instance
            .get_export_index(&mut self.store, None, "wasi:it/denied");
        let index = self
            .instance
            .get_export_index(&mut self.store, interface.as_ref(), function)
            .unwrap();
        let function = self.instance.get_func(&mut self.store, index).unwrap();
        let count = function.ty(&self.store).results().len();
        let mut results = vec![Val::Bool(false); count];
        match function.call(&mut self.store, arguments, &mut results) {
            Ok(()) => format!("{results:?}").trim_matches(['[', ']']).to_owned(),
            Err(_) => "trap".into(),
        }
    }
}

#[test]
fn every_kind_of_type_has_an_answer() {
    let refusal = refusing(WIT, &["wasi:it/denied"]);
    let text = "String(\"`wasi:it/denied` is denied: it is not inherited by this dependency\")";
    let denied = "Result(Err(Some(Variant(\"permission-denied\", None))))";
    let mut called = Called::new(&refusal);
    let list = Val::List(vec![Val::String("a".into()), Val::String("bc".into())]);
    for (function, expected) in [
        ("nothing", String::new()),
        ("small", "U8(0)".into()),
        ("real", "Float64(0.0)".into()),
        ("letter", "Char('\\0')".into()),
        ("text", "String(\"\")".into()),
        ("items", "List([])".into()),
        ("maybe", "Option(None)".into()),
        ("switches", "Flags([])".into()),
        ("kind", "Enum(\"first\")".into()),
        (
            "record-of-all",
            "Record([(\"number\", U8(0)), (\"text\", String(\"\")), (\"error\", Enum(\"success\"))])".into(),
        ),
        ("plain-error", "Result(Err(None))".into()),
        ("enum-error", "Result(Err(Some(Enum(\"error\"))))".into()),
        ("words-error", denied.into()),
        ("text-error", format!("Result(Err(Some(Variant(\"undefined\", Some({text})))))")),
        (
            "record-error",
            format!("Result(Err(Some(Record([(\"number\", U8(0)), (\"text\", {text}), (\"error\", Enum(\"error\"))]))))"),
        ),
        ("holder-error", "Result(Err(Some(Variant(\"works\", None))))".into()),
        ("option-error", "Result(Err(Some(Option(None))))".into()),
        ("string-error", format!("Result(Err(Some({text})))")),
        ("nested", "Result(Err(Some(Result(Err(Some(Variant(\"permission-denied\", None)))))))".into()),
    ] {
        assert_eq!(called.call(function, &[]), expected.trim_matches(']'), "{function}");
    }
    assert_eq!(called.call("number", &[Val::U8(1), list]), "S64(0)");
    let mut wide = vec![Val::U64(1); 16];
    wide.push(Val::String("x".repeat(100_000)));
    assert_eq!(called.call("wide", &wide), denied);
}

#[test]
fn resources_of_its_own_are_made_and_those_of_others_are_not() {
    let refusal = refusing(WIT, &["wasi:it/denied"]);
    let mut called = Called::new(&refusal);
    assert!(called.call("maker", &[]).starts_with("Resource("));
    let both = called.call("[static]thing.both", &[]);
    assert_eq!(both.matches("Resource(").count(), 2, "{both}");
    let name = Val::String("name".into());
    assert!(
        called
            .call("[constructor]thing", &[name])
            .starts_with("Resource(")
    );
    assert_eq!(called.call("foreign-result", &[]), "trap");
}

#[test]
fn arguments_are_bounded() {
    let refusal = refusing(WIT, &["wasi:it/denied"]);
    let name = Val::String("x".repeat(65 << 20));
    assert_eq!(
        Called::new(&refusal).call("[constructor]thing", &[name]),
        "trap"
    );
}

/// A borrowed handle that is kept is a trap, an owned one fills the table of the host.
#[test]
fn handles_that_are_given_are_given_back() {
    let refusal = refusing(WIT, &["wasi:it/denied"]);
    let mut called = Called::new(&refusal);
    let (one, two, three, four) = (
        called.foreign(),
        called.foreign(),
        called.foreign(),
        called.foreign(),
    );
    let lent = Val::Record(vec![
        ("a".into(), Val::U64(1)),
        (
            "b".into(),
            Val::Tuple(vec![Val::String("text".into()), three]),
        ),
        (
            "c".into(),
            Val::Option(Some(Box::new(Val::Option(Some(Box::new(four)))))),
        ),
    ]);
    let given = [one, Val::Option(Some(Box::new(two))), lent];
    let denied = "Result(Err(Some(Variant(\"permission-denied\", None))))";
    assert_eq!(called.call("given", &given), denied);
    assert_eq!(*called.store.data(), 1, "only one was owned");
}
