//! The value that says no, for any type.
//!
//! A type can be hostile, but not large: validation bounds all types of a component together, counted as often as they
//! are used, and refuses lists of fixed length. So neither the values nor the work to find them needs another bound.

use wit_parser::{Handle, Int, Resolve, SizeAlign, Type, TypeDefKind, TypeId};

use super::handles::{Own, resource};

/// A value as it lies in memory.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    /// Offsets at which a new handle of a resource goes.
    pub(super) handles: Vec<(usize, TypeId)>,
}

/// No value of the type can be made from nothing.
struct Impossible;

/// Parts of names of cases that mean denial, best first.
const DENIALS: [&str; 5] = [
    "denied",
    "not-permitted",
    "not-allowed",
    "forbidden",
    "unauthorized",
];
/// Cases that take a text, best first.
const OTHERS: [&str; 5] = [
    "other",
    "undefined",
    "unexpected",
    "unknown",
    "runtime-error",
];

/// Whether a value is for an error, where the words matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Empty,
    Denial,
}

pub(super) struct Answers<'a> {
    resolve: &'a Resolve,
    sizes: &'a SizeAlign,
    own: &'a Own,
    /// Where the text for errors lies, and its length.
    text: (i32, usize),
}

impl<'a> Answers<'a> {
    pub(super) fn new(
        resolve: &'a Resolve,
        sizes: &'a SizeAlign,
        own: &'a Own,
        text: (i32, usize),
    ) -> Self {
        Self {
            resolve,
            sizes,
            own,
            text,
        }
    }

    /// What a function of this result returns. `None` if that cannot be made from nothing: a stream, or a resource of
    /// somebody else.
    pub(super) fn of(&self, ty: &Type) -> Option<Answer> {
        let mut answer = Answer {
            bytes: vec![0; self.sizes.size(ty).size_wasm32()],
            handles: vec![],
        };
        self.write(&mut answer, ty, 0, Tone::Empty).ok()?;
        Some(answer)
    }

    /// What is not written stays zero: numbers, `false`, empty lists, no flags, `none`.
    fn write(
        &self,
        answer: &mut Answer,
        ty: &Type,
        at: usize,
        tone: Tone,
    ) -> Result<(), Impossible> {
        let id = match ty {
            Type::Id(id) => *id,
            Type::String if tone == Tone::Denial => {
                self.write_text(answer, at);
                return Ok(());
            }
            Type::ErrorContext => return Err(Impossible),
            _ => return Ok(()),
        };
        match &self.resolve.types[id].kind {
            TypeDefKind::Type(ty) => self.write(answer, ty, at, tone),
            TypeDefKind::Record(record) => {
                let fields: Vec<_> = record.fields.iter().map(|field| field.ty).collect();
                self.write_fields(answer, &fields, at, tone)
            }
            TypeDefKind::Tuple(tuple) => self.write_fields(answer, &tuple.types, at, tone),
            TypeDefKind::Result(result) => {
                let cases = [("ok", result.ok), ("err", result.err)];
                self.write_case(answer, &cases, Int::U8, 1, at, Tone::Denial)
            }
            TypeDefKind::Variant(variant) => {
                let cases: Vec<_> = variant
                    .cases
                    .iter()
                    .map(|case| (case.name.as_str(), case.ty))
                    .collect();
                self.write_best(answer, &cases, variant.tag(), at, tone)
            }
            TypeDefKind::Enum(cases) => {
                let tag = cases.tag();
                let cases: Vec<_> = cases
                    .cases
                    .iter()
                    .map(|case| (case.name.as_str(), None))
                    .collect();
                self.write_best(answer, &cases, tag, at, tone)
            }
            TypeDefKind::Handle(Handle::Own(id)) => {
                let resource = resource(self.resolve, *id);
                if !self.own.has(self.resolve, resource) {
                    return Err(Impossible);
                }
                answer.handles.push((at, resource));
                Ok(())
            }
            TypeDefKind::Option(_)
            | TypeDefKind::List(_)
            | TypeDefKind::Map(..)
            | TypeDefKind::Flags(_) => Ok(()),
            TypeDefKind::Handle(Handle::Borrow(_))
            | TypeDefKind::Resource
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Future(_)
            | TypeDefKind::Stream(_)
            | TypeDefKind::Unknown => Err(Impossible),
        }
    }

    fn write_text(&self, answer: &mut Answer, at: usize) {
        let (address, length) = self.text;
        answer.bytes[at..at + 4].copy_from_slice(&address.to_le_bytes());
        answer.bytes[at + 4..at + 8].copy_from_slice(&(length as u32).to_le_bytes());
    }

    fn write_fields(
        &self,
        answer: &mut Answer,
        fields: &[Type],
        at: usize,
        tone: Tone,
    ) -> Result<(), Impossible> {
        for (offset, ty) in self.sizes.field_offsets(fields) {
            self.write(answer, ty, at + offset.size_wasm32(), tone)?;
        }
        Ok(())
    }

    /// The first case that can be made, best first.
    fn write_best(
        &self,
        answer: &mut Answer,
        cases: &[(&str, Option<Type>)],
        tag: Int,
        at: usize,
        tone: Tone,
    ) -> Result<(), Impossible> {
        let mut order: Vec<_> = (0..cases.len()).collect();
        if tone == Tone::Denial {
            // Last, because a first case is `success` often enough.
            order.reverse();
            order.sort_by_key(|index| {
                let (name, ty) = cases[*index];
                let name = name.to_ascii_lowercase();
                let denial = DENIALS.iter().position(|part| name.contains(part));
                let other = OTHERS
                    .iter()
                    .position(|other| name == *other && ty == Some(Type::String));
                let worst = DENIALS.len() + OTHERS.len();
                denial
                    .or(other.map(|rank| DENIALS.len() + rank))
                    .unwrap_or(worst)
            });
        }
        for index in order {
            if self.write_case(answer, cases, tag, index, at, tone).is_ok() {
                return Ok(());
            }
        }
        Err(Impossible)
    }

    fn write_case(
        &self,
        answer: &mut Answer,
        cases: &[(&str, Option<Type>)],
        tag: Int,
        index: usize,
        at: usize,
        tone: Tone,
    ) -> Result<(), Impossible> {
        let handles = answer.handles.len();
        let tag_size = match tag {
            Int::U8 => 1,
            Int::U16 => 2,
            Int::U32 | Int::U64 => 4,
        };
        answer.bytes[at..at + tag_size].copy_from_slice(&index.to_le_bytes()[..tag_size]);
        let Some(ty) = &cases[index].1 else {
            return Ok(());
        };
        let payloads = cases.iter().map(|(_, ty)| ty.as_ref());
        let offset = self.sizes.payload_offset(tag, payloads).size_wasm32();
        let written = self.write(answer, ty, at + offset, tone);
        if written.is_err() {
            let end = at + offset + self.sizes.size(ty).size_wasm32();
            answer.bytes[at..end].fill(0);
            answer.handles.truncate(handles);
        }
        written
    }
}
