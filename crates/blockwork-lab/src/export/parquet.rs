//! One row for each block, in columns.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::Arc,
};

use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

use super::{
    Stacks,
    life::{Life, lives},
};
use crate::trace::Trace;

/// The columns; those of [`rows`](super::rows).
const SCHEMA: &str = "message blocks {
    required binary program (utf8);
    required int32 image;
    required int64 block;
    required int32 resize;
    required int64 size;
    required int64 align;
    required boolean zeroed;
    required int64 birth;
    optional int64 death;
    optional int64 lifetime;
    required binary end (utf8);
    required int32 thread;
    optional int32 end_thread;
    optional binary site (utf8);
    optional binary stack (utf8);
}";

/// Rows that are written at once.
const GROUP: usize = 1 << 19;

/// Writes `trace`; how many rows that took.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn write(trace: &Trace, output: impl Write + Send) -> io::Result<u64> {
    let schema = parse_message_type(SCHEMA).map_err(failed)?;
    let about = |key: &str, value: String| KeyValue { key: key.into(), value: Some(value) };
    let about = vec![about("program", trace.name.clone()), about("notes", trace.notes.join("\n"))];
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).map_err(failed)?))
        .set_created_by(concat!("blockwork ", env!("CARGO_PKG_VERSION")).into())
        .set_key_value_metadata(Some(about));
    let mut writer =
        SerializedFileWriter::new(output, Arc::new(schema), Arc::new(properties.build())).map_err(failed)?;
    let mut texts = Texts::new(trace);
    let mut group = Vec::with_capacity(GROUP.min(trace.ops.len()));
    let mut count = 0;
    lives(trace, |life| {
        count += 1;
        group.push(*life);
        if group.len() == GROUP {
            write_group(&mut writer, &group, &mut texts)?;
            group.clear();
        }
        Ok(())
    })?;
    if !group.is_empty() {
        write_group(&mut writer, &group, &mut texts)?;
    }
    writer.finish().map_err(failed)?;
    Ok(count)
}

fn write_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    lives: &[Life],
    texts: &mut Texts<'_>,
) -> io::Result<()> {
    let mut group = writer.next_row_group().map_err(failed)?;
    let to = &mut group;
    let signed = |number: u64| number.cast_signed();
    let signed32 = |number: u32| number.cast_signed();
    put::<ByteArrayType>(to, lives, |_| Some(texts.program.clone()))?;
    put::<Int32Type>(to, lives, |life| Some(signed32(life.image)))?;
    put::<Int64Type>(to, lives, |life| Some(signed(life.block)))?;
    put::<Int32Type>(to, lives, |life| Some(signed32(life.resize)))?;
    put::<Int64Type>(to, lives, |life| Some(signed(life.size)))?;
    put::<Int64Type>(to, lives, |life| Some(signed(life.align)))?;
    put::<BoolType>(to, lives, |life| Some(life.zeroed))?;
    put::<Int64Type>(to, lives, |life| Some(signed(life.birth)))?;
    put::<Int64Type>(to, lives, |life| life.death.map(signed))?;
    put::<Int64Type>(to, lives, |life| life.death.map(|death| signed(death - life.birth)))?;
    put::<ByteArrayType>(to, lives, |life| Some(life.end.name().into()))?;
    put::<Int32Type>(to, lives, |life| Some(life.thread.into()))?;
    put::<Int32Type>(to, lives, |life| life.end_thread.map(i32::from))?;
    put::<ByteArrayType>(to, lives, |life| texts.of(life.stack)[0].clone())?;
    put::<ByteArrayType>(to, lives, |life| texts.of(life.stack)[1].clone())?;
    group.close().map_err(failed)?;
    Ok(())
}

/// Writes the next column.
fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    lives: &[Life],
    mut value: impl FnMut(&Life) -> Option<T::T>,
) -> io::Result<()> {
    let Some(mut column) = group.next_column().map_err(failed)? else {
        return Err(io::Error::other("more columns than the schema has"));
    };
    let values: Vec<Option<T::T>> = lives.iter().map(&mut value).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    // A column that must have values knows no levels, and ignores them.
    column.typed::<T>().write_batch(&values, Some(&levels), None).map_err(failed)?;
    column.close().map_err(failed)
}

/// Texts by stack, each in memory once.
struct Texts<'a> {
    program: ByteArray,
    stacks: Stacks<'a>,
    known: HashMap<u32, [Option<ByteArray>; 2]>,
}

impl<'a> Texts<'a> {
    fn new(trace: &'a Trace) -> Self {
        Self { program: trace.name.as_str().into(), stacks: Stacks::new(trace), known: HashMap::new() }
    }

    fn of(&mut self, stack: u32) -> &[Option<ByteArray>; 2] {
        let Self { stacks, known, .. } = self;
        known.entry(stack).or_insert_with(|| {
            let text = |text: &String| (!text.is_empty()).then(|| ByteArray::from(text.as_str()));
            stacks.texts(stack).each_ref().map(text)
        })
    }
}

/// The error of the system behind one of the writer's, so that a full disk is
/// told as such.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}
