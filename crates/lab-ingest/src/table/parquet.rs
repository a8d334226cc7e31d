//! Parquet files: read as tables, and written for whoever goes on with a list of runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::record::Field;
use ::parquet::schema::types::Type;
use bytes::Bytes;

use super::{Builder, Cell, Dataset, LIMIT_BYTES, TableError};

fn malformed(what: &dyn std::fmt::Display) -> TableError {
    TableError::Malformed { format: "Parquet", what: what.to_string() }
}

pub(super) fn read(bytes: &[u8]) -> Result<Dataset, TableError> {
    // The library has panicked at damaged files before; a panic in a read of bytes in memory leaves nothing behind.
    catch_unwind(AssertUnwindSafe(|| read_whole(bytes))).unwrap_or_else(|_| Err(malformed(&"damaged")))
}

fn read_whole(bytes: &[u8]) -> Result<Dataset, TableError> {
    let file = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).map_err(|error| malformed(&error))?;
    let metadata = file.metadata();
    let size: i64 =
        metadata.row_groups().iter().map(|group| group.total_byte_size().max(0)).fold(0, i64::saturating_add);
    if size > 8 * LIMIT_BYTES as i64 {
        return Err(TableError::TooLarge);
    }
    let fields = metadata.file_metadata().schema().get_fields();
    let mut builder = Builder::new(fields.iter().map(|field| field.name().to_owned()))?;
    for row in file.get_row_iter(None).map_err(|error| malformed(&error))? {
        for (_, field) in row.map_err(|error| malformed(&error))?.get_column_iter() {
            push(&mut builder, field)?;
        }
        builder.end_row();
    }
    Ok(builder.finish())
}

fn push(builder: &mut Builder, field: &Field) -> Result<(), TableError> {
    let number = match field {
        Field::Null => return builder.push(&Cell::Missing),
        Field::Str(text) => return builder.push(&Cell::Word(text)),
        Field::Bool(value) => f64::from(u8::from(*value)),
        Field::Byte(value) => f64::from(*value),
        Field::Short(value) => f64::from(*value),
        Field::Int(value) => f64::from(*value),
        Field::Long(value) => *value as f64,
        Field::UByte(value) => f64::from(*value),
        Field::UShort(value) => f64::from(*value),
        Field::UInt(value) => f64::from(*value),
        Field::ULong(value) => *value as f64,
        Field::Float(value) => f64::from(*value),
        Field::Double(value) => *value,
        other => return builder.push(&Cell::Word(&other.to_string())),
    };
    builder.push(&Cell::Number(number))
}

/// A column to be written.
pub struct Written {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// The values of a column to be written, `None` where there is none.
pub enum Values {
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Text.
    Words(Vec<Option<String>>),
}

/// A Parquet file with these columns, which are equally long: doubles and UTF-8 strings, Snappy.
///
/// # Errors
/// [`TableError::Malformed`] when the columns are not equally long.
pub fn write(columns: &[Written]) -> Result<Vec<u8>, TableError> {
    encode(columns).map_err(|error| malformed(&error))
}

fn encode(columns: &[Written]) -> Result<Vec<u8>, ParquetError> {
    let field = |column: &Written| {
        let builder = match column.values {
            Values::Numbers(_) => Type::primitive_type_builder(&column.name, PhysicalType::DOUBLE),
            Values::Words(_) => Type::primitive_type_builder(&column.name, PhysicalType::BYTE_ARRAY)
                .with_logical_type(Some(LogicalType::String)),
        };
        Ok(Arc::new(builder.with_repetition(Repetition::OPTIONAL).build()?))
    };
    let fields = columns.iter().map(field).collect::<Result<_, ParquetError>>()?;
    let schema = Arc::new(Type::group_type_builder("lab").with_fields(fields).build()?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for column in columns {
        let Some(mut open) = group.next_column()? else { break };
        match &column.values {
            Values::Numbers(values) => {
                let present: Vec<f64> = values.iter().copied().flatten().collect();
                open.typed::<DoubleType>().write_batch(&present, Some(&levels(values)), None)?;
            }
            Values::Words(values) => {
                let present: Vec<ByteArray> = values.iter().flatten().map(|text| text.as_str().into()).collect();
                open.typed::<ByteArrayType>().write_batch(&present, Some(&levels(values)), None)?;
            }
        }
        open.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(bytes)
}

/// 1 where there is a value, as Parquet marks it.
fn levels<T>(values: &[Option<T>]) -> Vec<i16> {
    values.iter().map(|value| i16::from(value.is_some())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let columns = [
            Written { name: "x; } hostile".into(), values: Values::Numbers(vec![Some(2.0), None, Some(1.0)]) },
            Written { name: "w".into(), values: Values::Words(vec![Some("é".into()), Some("é".into()), None]) },
        ];
        let found = read(&write(&columns).unwrap()).unwrap();
        assert_eq!(found.rows, 3);
        assert_eq!(found.columns[0].name, "x; } hostile");
        assert_eq!((found.columns[0].numbers.as_slice(), found.columns[0].missing), (&[1.0, 2.0][..], 1));
        assert_eq!(found.columns[1].words["é"], 2);
    }
}
