//! The little of protocol buffers that profiles need.
//!
//! ```text
//! message = field*
//! field   = varint(number << 3 | kind)  value
//! value   = varint (kind 0)  eight bytes (1)  varint length, bytes (2)  four bytes (5)
//! ```

/// A message in the making.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Appends a number; zero goes without saying.
    pub fn number(&mut self, field: u32, number: u64) -> &mut Self {
        if number != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(number);
        }
        self
    }

    /// Appends bytes, a text, or a message.
    pub fn bytes(&mut self, field: u32, bytes: &[u8]) -> &mut Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends numbers side by side.
    pub fn packed(&mut self, field: u32, numbers: impl IntoIterator<Item = u64>) -> &mut Self {
        let mut all = Self::default();
        numbers.into_iter().for_each(|number| all.varint(number));
        self.bytes(field, &all.0)
    }

    /// Appends a message.
    pub fn message(&mut self, field: u32, message: &Self) -> &mut Self {
        self.bytes(field, &message.0)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn varint(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// Bytes, a text, a message, or numbers side by side.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// The numbers of a field that may have many: one, or several packed.
    pub fn numbers(self) -> Option<Vec<u64>> {
        let mut rest = match self {
            Self::Number(number) => return Some(vec![number]),
            Self::Bytes(bytes) => bytes,
        };
        let mut numbers = Vec::new();
        while !rest.is_empty() {
            numbers.push(take_varint(&mut rest)?);
        }
        Some(numbers)
    }

    /// The number.
    pub const fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }
}

/// The fields of a message, by number, until it ends; `None` is what is no message.
pub fn fields(mut message: &[u8]) -> impl Iterator<Item = Option<(u64, Value<'_>)>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let field = take(&mut message);
        if field.is_none() {
            message = &[];
        }
        Some(field)
    })
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = take_varint(rest)?;
    let mut split = |length: usize| {
        let (bytes, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(bytes)
    };
    let value = match tag & 7 {
        0 => Value::Number(take_varint(rest)?),
        1 => Value::Bytes(split(8)?),
        5 => Value::Bytes(split(4)?),
        2 => {
            let length = usize::try_from(take_varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Value::Bytes(bytes)
        }
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut inner = Message::default();
        inner.number(1, 0).number(2, u64::MAX).packed(3, [0, 127, 128, 1 << 40]);
        let mut message = Message::default();
        message.number(1, 300).message(2, &inner).bytes(99, b"text");
        let read: Vec<_> = fields(message.as_bytes()).map(Option::unwrap).collect();
        let expected =
            [(1, Value::Number(300)), (2, Value::Bytes(inner.as_bytes())), (99, Value::Bytes(b"text".as_slice()))];
        assert_eq!(read, expected);
        let read: Vec<_> = fields(inner.as_bytes()).map(Option::unwrap).collect();
        assert_eq!(read[0], (2, Value::Number(u64::MAX)));
        assert_eq!(read[1].1.numbers(), Some(vec![0, 127, 128, 1 << 40]));
        // As any other writer has it: field 1, kind 0; 300 is ac 02.
        assert_eq!(message.as_bytes()[..3], [0x08, 0xac, 0x02]);
    }

    #[test]
    fn what_is_no_message_ends_in_none() {
        for bytes in [[0x12, 5, 1].as_slice(), &[0x08], &[0xff; 12], &[0x0b, 0], &[0x09, 1, 2]] {
            assert_eq!(fields(bytes).last(), Some(None), "{bytes:?}");
        }
    }
}
