//! The receiver of a native method, looked up at the cost of three comparisons.

use std::ops::Deref;

use magnus::{DataType, Error, TryConvert, TypedData, Value, rb_sys::AsRawValue};

/// What is in an object of Ruby. magnus asks Ruby for it behind a guard against what Ruby raises,
/// which for a method of a few instructions is most of its cost; this one reads the object, and
/// leaves it to magnus to complain of what is none.
pub(crate) struct Receiver<T> {
    value: Value,
    data: *const T,
}

impl<T> Receiver<T> {
    /// The object itself.
    pub(crate) fn value(&self) -> Value {
        self.value
    }
}

impl<T: TypedData> TryConvert for Receiver<T> {
    fn try_convert(value: Value) -> Result<Self, Error> {
        let raw = value.as_raw();
        let wanted: *const DataType = T::data_type();
        // SAFETY: the lock is held, and each look is at what the one before has found: an object
        // on the heap, of the type that has the fields of typed data. `DataType` is transparent.
        let data = unsafe {
            (!rb_sys::SPECIAL_CONST_P(raw)
                && rb_sys::RB_BUILTIN_TYPE(raw) == rb_sys::ruby_value_type::RUBY_T_DATA
                && rb_sys::RTYPEDDATA_P(raw)
                && rb_sys::RTYPEDDATA_TYPE(raw) == wanted.cast())
            .then(|| rb_sys::RTYPEDDATA_GET_DATA(raw).cast_const().cast::<T>())
        };
        let data = match data {
            Some(data) if !data.is_null() => data,
            _ => <&T>::try_convert(value)?,
        };
        Ok(Self { value, data })
    }
}

impl<T> Deref for Receiver<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the object owns the data, and lives as long as the method that it receives runs:
        // it is in the method's frame, where the garbage collector sees it.
        unsafe { &*self.data }
    }
}
