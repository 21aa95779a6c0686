//! How the structures of the model become Rust structs. The generator writes lists for these macros.

/// Structures of requests: `Name = CONSTRAINTS { field: Type, … }`, fields in the order of the constraints.
macro_rules! inputs {
    ($($name:ident = $shape:ident { $($field:ident: $type:ty,)* })*) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of the model.")]
            #[derive(Debug, Clone, Default, PartialEq)]
            pub struct $name {
                $(#[doc = concat!("`", stringify!($field), "`, see the model.")] pub $field: Option<$type>,)*
            }

            $crate::wire::structure::readable!($name = $shape { $($field)* });
        )*
    };
}

/// Structures of responses: `Name { field: Type = "Name in JSON", … }`; a field without name travels elsewhere.
macro_rules! outputs {
    ($($name:ident { $($field:ident: $type:ty $(= $wire:literal)?,)* })*) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of the model.")]
            #[derive(Debug, Clone, Default, PartialEq)]
            pub struct $name {
                $(#[doc = concat!("`", stringify!($field), "`, see the model.")] pub $field: Option<$type>,)*
            }

            $crate::wire::structure::writable!($name { $($field $(= $wire)?,)* });
        )*
    };
}

/// Structures of both.
macro_rules! shared {
    ($($name:ident = $shape:ident { $($field:ident: $type:ty $(= $wire:literal)?,)* })*) => {
        $crate::wire::structure::outputs! { $($name { $($field: $type $(= $wire)?,)* })* }
        $($crate::wire::structure::readable!($name = $shape { $($field)* });)*
    };
}

/// Reads a structure from the values of its members.
macro_rules! readable {
    ($name:ident = $shape:ident { $($field:ident)* }) => {
        impl $crate::wire::value::FromValue for $name {
            #[allow(unused_mut, unused_variables, reason = "some structures have no members")]
            fn from_value(value: $crate::wire::value::Value) -> Self {
                let mut members = $crate::wire::value::Members::of(value);
                Self { $($field: members.take(),)* }
            }
        }

        impl $crate::wire::decode::Input for $name {
            fn shape() -> &'static $crate::wire::shape::Shape {
                &constraints::$shape
            }
        }
    };
}

/// Writes a structure as JSON, without the members that have no value.
macro_rules! writable {
    ($name:ident { $($field:ident $(= $wire:literal)?,)* }) => {
        impl serde::Serialize for $name {
            #[allow(unused_mut, reason = "some structures have no members")]
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                $($(
                    if let Some(value) = &self.$field {
                        map.serialize_entry($wire, value)?;
                    }
                )?)*
                map.end()
            }
        }
    };
}

pub(crate) use {inputs, outputs, readable, shared, writable};
