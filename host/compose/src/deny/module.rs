//! The core module behind a refusal.
//!
//! Every answer is a constant, so it lies ready in a data segment, and nothing that is passed in is ever read. That is
//! why the allocator can give out the same address again and again: what is written there does not matter.

use std::collections::HashMap;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection,
    Function as Code, FunctionSection, ImportSection, Instruction as Op, MemArg, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Function, InterfaceId, LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic, SizeAlign,
    TypeId, WasmExport, WasmExportKind, WasmImport, WorldId, WorldItem, WorldKey,
};

use super::answer::{Answer, Answers};
use super::handles::{Given, Own, given, interface};

const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
const PAGE: u32 = 65536;
/// The largest argument that is refused; a larger one is a trap. 64 MiB.
const ARGUMENT_PAGES: u32 = 1024;
/// Past what any alignment asks for, and nothing is at address 0.
const ALIGN: usize = 16;

/// A module that implements the exports of the world.
pub(super) fn generate(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let interfaces: Vec<_> = resolve.worlds[world]
        .exports
        .iter()
        .filter_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } => Some((key, *id)),
            _ => None,
        })
        .collect();
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let mut generator = Generator {
        resolve,
        sizes,
        own: Own(interfaces.iter().map(|(_, id)| *id).collect()),
        imports: Imports::default(),
        data: vec![],
    };
    let mut bodies = vec![];
    for (key, id) in interfaces {
        bodies.extend(generator.interface(key, id));
    }
    generator.encode(bodies)
}

struct Generator<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    own: Own,
    imports: Imports,
    /// What lies from address [`ALIGN`] on.
    data: Vec<u8>,
}

/// A function of the module.
struct Body {
    name: String,
    params: Vec<ValType>,
    results: Vec<ValType>,
    code: Vec<Op<'static>>,
}

/// Functions that handle resources, in the order in which they were first needed.
#[derive(Default)]
struct Imports {
    functions: Vec<Imported>,
    indices: HashMap<(String, String), u32>,
}

struct Imported {
    module: String,
    name: String,
    /// Makes a handle; the others drop one.
    makes: bool,
}

impl Generator<'_> {
    fn interface(&mut self, key: &WorldKey, id: InterfaceId) -> Vec<Body> {
        let name = self.resolve.name_world_key(key);
        let text = format!("`{name}` is denied: it is not inherited by this dependency");
        let text = (self.store(text.as_bytes()), text.len());
        let functions = self.resolve.interfaces[id].functions.values();
        functions
            .map(|function| self.function(key, function, text))
            .collect()
    }

    fn function(&mut self, key: &WorldKey, function: &Function, text: (i32, usize)) -> Body {
        let signature = self
            .resolve
            .wasm_signature(AbiVariant::GuestExport, function);
        let export = WasmExport::Func {
            interface: Some(key),
            func: function,
            kind: WasmExportKind::Normal,
        };
        let mut code = vec![];
        if !signature.indirect_params {
            let params: Vec<_> = function.params.iter().map(|param| param.ty).collect();
            for handle in given(self.resolve, &self.own, &params) {
                self.drop_handle(&mut code, &handle);
            }
        }
        if let Some(ty) = &function.result {
            let answers = Answers::new(self.resolve, &self.sizes, &self.own, text);
            match answers.of(ty) {
                Some(answer) if signature.retptr => self.return_at(&mut code, answer),
                Some(answer) => self.return_flat(&mut code, &answer, signature.results[0]),
                None => code.push(Op::Unreachable),
            }
        }
        code.push(Op::End);
        Body {
            name: self.resolve.wasm_export_name(ABI, export),
            params: signature.params.into_iter().map(core).collect(),
            results: signature.results.into_iter().map(core).collect(),
            code,
        }
    }

    fn drop_handle(&mut self, code: &mut Vec<Op<'static>>, handle: &Given) {
        let drop = self.import(handle.resource, ResourceIntrinsic::ImportedDrop);
        for condition in &handle.if_some {
            code.extend([Op::LocalGet(*condition), Op::If(BlockType::Empty)]);
        }
        code.extend([Op::LocalGet(handle.param), Op::Call(drop)]);
        code.extend(handle.if_some.iter().map(|_| Op::End));
    }

    /// Returns the address of the value.
    fn return_at(&mut self, code: &mut Vec<Op<'static>>, answer: Answer) {
        let address = self.store(&answer.bytes);
        for (offset, resource) in answer.handles {
            code.push(Op::I32Const(address));
            self.new_handle(code, resource);
            code.push(Op::I32Store(MemArg {
                offset: offset as u64,
                align: 2,
                memory_index: 0,
            }));
        }
        code.push(Op::I32Const(address));
    }

    /// Returns a value that is one number.
    fn return_flat(&mut self, code: &mut Vec<Op<'static>>, answer: &Answer, ty: WasmType) {
        if let [(_, resource)] = answer.handles[..] {
            return self.new_handle(code, resource);
        }
        // One number, or the tag of a variant without any payload: it is all of the value.
        let mut bytes = [0; 8];
        let length = answer.bytes.len().min(8);
        bytes[..length].copy_from_slice(&answer.bytes[..length]);
        code.push(match core(ty) {
            ValType::I64 => Op::I64Const(i64::from_le_bytes(bytes)),
            ValType::F32 => Op::F32Const(0.0.into()),
            ValType::F64 => Op::F64Const(0.0.into()),
            _ => Op::I32Const(i64::from_le_bytes(bytes) as i32),
        });
    }

    fn new_handle(&mut self, code: &mut Vec<Op<'static>>, resource: TypeId) {
        let new = self.import(resource, ResourceIntrinsic::ExportedNew);
        code.extend([Op::I32Const(0), Op::Call(new)]);
    }

    fn import(&mut self, resource: TypeId, intrinsic: ResourceIntrinsic) -> u32 {
        let key = interface(self.resolve, resource).map(WorldKey::Interface);
        let makes = matches!(intrinsic, ResourceIntrinsic::ExportedNew);
        let import = WasmImport::ResourceIntrinsic {
            interface: key.as_ref(),
            resource,
            intrinsic,
        };
        let name = self.resolve.wasm_import_name(ABI, import);
        let Imports { functions, indices } = &mut self.imports;
        *indices.entry(name).or_insert_with_key(|(module, name)| {
            functions.push(Imported {
                module: module.clone(),
                name: name.clone(),
                makes,
            });
            functions.len() as u32 - 1
        })
    }

    /// Puts bytes into the memory, and says where.
    fn store(&mut self, bytes: &[u8]) -> i32 {
        let address = ALIGN + self.data.len();
        self.data.extend(bytes);
        self.data.resize(self.data.len().next_multiple_of(ALIGN), 0);
        i32::try_from(address).unwrap_or(i32::MAX)
    }

    fn encode(self, bodies: Vec<Body>) -> Vec<u8> {
        let mut types = TypeSection::new();
        let mut imports = ImportSection::new();
        let mut functions = FunctionSection::new();
        let mut exports = ExportSection::new();
        let mut code = CodeSection::new();

        for (index, handle) in (0..).zip(&self.imports.functions) {
            let results = handle.makes.then_some(ValType::I32);
            types.ty().function([ValType::I32], results);
            imports.import(&handle.module, &handle.name, EntityType::Function(index));
        }
        let first = self.imports.functions.len() as u32;
        let end = (ALIGN + self.data.len()) as u32;
        let allocator = allocator(self.resolve, end);
        for (index, body) in (first..).zip(bodies.into_iter().chain([allocator])) {
            types.ty().function(body.params, body.results);
            functions.function(index);
            exports.export(&body.name, ExportKind::Func, index);
            let mut function = Code::new([]);
            for op in &body.code {
                function.instruction(op);
            }
            code.function(&function);
        }
        let memory = self.resolve.wasm_export_name(ABI, WasmExport::Memory);
        exports.export(&memory, ExportKind::Memory, 0);
        let pages = end.div_ceil(PAGE);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: pages.into(),
            maximum: Some((pages + ARGUMENT_PAGES).into()),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(ALIGN as i32), self.data);

        let mut module = Module::new();
        module
            .section(&types)
            .section(&imports)
            .section(&functions)
            .section(&memories)
            .section(&exports)
            .section(&code)
            .section(&data);
        module.finish()
    }
}

/// Gives out the memory behind the answers, always the same, and grows it to what is asked for.
fn allocator(resolve: &Resolve, end: u32) -> Body {
    let (size, missing) = (3, 0);
    Body {
        name: resolve.wasm_export_name(ABI, WasmExport::Realloc),
        params: vec![ValType::I32; 4],
        results: vec![ValType::I32],
        code: vec![
            // In 64 bits, where it cannot overflow.
            Op::LocalGet(size),
            Op::I64ExtendI32U,
            Op::I64Const(i64::from(end + PAGE - 1)),
            Op::I64Add,
            Op::I64Const(i64::from(PAGE)),
            Op::I64DivU,
            Op::I32WrapI64,
            Op::MemorySize(0),
            Op::I32Sub,
            Op::LocalTee(missing),
            Op::I32Const(0),
            Op::I32GtS,
            Op::If(BlockType::Empty),
            Op::LocalGet(missing),
            Op::MemoryGrow(0),
            Op::I32Const(-1),
            Op::I32Eq,
            Op::If(BlockType::Empty),
            Op::Unreachable,
            Op::End,
            Op::End,
            Op::I32Const(end as i32),
            Op::End,
        ],
    }
}

fn core(ty: WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}
