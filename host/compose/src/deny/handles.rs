//! Whose a resource is, and which handles a call leaves behind.

use std::collections::HashSet;

use wit_parser::abi::{FlatTypes, WasmType};
use wit_parser::{Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

/// The interfaces that the refusing component implements: their resources are its own.
pub(super) struct Own(pub(super) HashSet<InterfaceId>);

impl Own {
    pub(super) fn has(&self, resolve: &Resolve, resource: TypeId) -> bool {
        interface(resolve, resource).is_some_and(|id| self.0.contains(&id))
    }
}

/// The resource itself, behind all the `use`s of it.
pub(super) fn resource(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[id].kind {
        id = next;
    }
    id
}

pub(super) fn interface(resolve: &Resolve, resource: TypeId) -> Option<InterfaceId> {
    match resolve.types[resource].owner {
        TypeOwner::Interface(id) => Some(id),
        TypeOwner::World(_) | TypeOwner::None => None,
    }
}

/// A handle among the flat parameters of a function.
pub(super) struct Given {
    pub(super) resource: TypeId,
    pub(super) param: u32,
    /// Parameters that are 1 if the handle is there.
    pub(super) if_some: Vec<u32>,
}

/// The handles of other components' resources that a call hands over. A borrowed one that is kept is a trap, an owned
/// one a leak. Those inside lists and variants are not found: no interface in use has them.
pub(super) fn given(resolve: &Resolve, own: &Own, params: &[Type]) -> Vec<Given> {
    let mut walk = Walk {
        resolve,
        own,
        found: vec![],
        if_some: vec![],
    };
    let mut at = 0;
    for ty in params {
        at = walk.visit(ty, at);
    }
    walk.found
}

struct Walk<'a> {
    resolve: &'a Resolve,
    own: &'a Own,
    found: Vec<Given>,
    if_some: Vec<u32>,
}

impl Walk<'_> {
    /// Returns where the next parameter is.
    fn visit(&mut self, ty: &Type, at: u32) -> u32 {
        let Type::Id(id) = ty else {
            return at + self.width(ty);
        };
        let resolve = self.resolve;
        match &resolve.types[*id].kind {
            TypeDefKind::Type(ty) => self.visit(ty, at),
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                fields.fold(at, |at, field| self.visit(&field.ty, at))
            }
            TypeDefKind::Tuple(tuple) => tuple.types.iter().fold(at, |at, ty| self.visit(ty, at)),
            TypeDefKind::Option(ty) => {
                self.if_some.push(at);
                let end = self.visit(ty, at + 1);
                self.if_some.pop();
                end
            }
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => {
                let resource = resource(resolve, *id);
                if !self.own.has(resolve, resource) {
                    self.found.push(Given {
                        resource,
                        param: at,
                        if_some: self.if_some.clone(),
                    });
                }
                at + 1
            }
            _ => at + self.width(ty),
        }
    }

    /// How many flat parameters a type takes. Only asked when all of them together are few.
    fn width(&self, ty: &Type) -> u32 {
        let mut storage = [WasmType::I32; 16];
        let mut flat = FlatTypes::new(&mut storage);
        self.resolve.push_flat(ty, &mut flat);
        u32::try_from(flat.to_vec().len()).unwrap_or(u32::MAX)
    }
}
