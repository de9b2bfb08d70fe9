//! Converts Python objects to the core's JSON values and back. A number stays the same object.

use core::str;

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use vetassist_core::{
    json::{Builder, Number, Value},
    JsonError,
};

use crate::{
    arguments::Data,
    errors::{error, not_encodable, wrong_type, Refused},
};

const EXPECTED: &str = "of what JSON can hold: dict, list, tuple, str, int, float, bool and None";

/// A number: the object, and its value if it is whole and small.
pub(crate) struct Numeric<'py> {
    object: Bound<'py, PyAny>,
    whole: Option<u64>,
}

impl Number for Numeric<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.whole
    }
}

/// Reads a value. It reads the content of an object directly and calls no code of subclasses.
pub(crate) fn from_python<'py>(
    value: &Bound<'py, PyAny>,
    what: &str,
) -> PyResult<Value<Numeric<'py>>> {
    let mut reader = Reader { builder: Builder::new(), what };
    reader.add(value)?;
    reader.builder.finish().map_err(|refused| too_much(value.py(), what, refused))
}

fn too_much(py: Python<'_>, what: &str, refused: JsonError) -> PyErr {
    let says = match refused {
        JsonError::TooLarge => "is longer than 64 KiB as JSON",
        JsonError::TooDeep => "is nested more than 64 levels deep",
        other => return other.raised(py),
    };
    error(py, "ERR_TOO_LARGE", &format!("{what} {says}"))
}

struct Reader<'a, 'py> {
    builder: Builder<Numeric<'py>>,
    what: &'a str,
}

impl<'py> Reader<'_, 'py> {
    /// Adds a value. The builder refuses a value that is too deep before its items are read.
    fn add(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = value.py();
        if value.is_none() {
            return self.step(py, Builder::null);
        }
        if let Ok(truth) = value.cast::<PyBool>() {
            let truth = truth.is_true();
            return self.step(py, |builder| builder.bool(truth));
        }
        if let Ok(text) = value.cast::<PyString>() {
            return self.text(text, Builder::string);
        }
        if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
            return self.number(value);
        }
        if let Ok(members) = value.cast::<PyDict>() {
            self.step(py, Builder::begin_object)?;
            // `items` copies the members, so that no code changes them meanwhile.
            for member in members.items() {
                let (name, value) = member.extract::<(Bound<'py, PyAny>, Bound<'py, PyAny>)>()?;
                let name = name
                    .cast::<PyString>()
                    .map_err(|_| wrong_type(&format!("a name in {}", self.what), "a str", &name))?;
                self.text(name, Builder::name)?;
                self.add(&value)?;
            }
            return self.step(py, Builder::end);
        }
        let items = if let Ok(list) = value.cast::<PyList>() {
            list.to_tuple()
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            tuple.clone()
        } else {
            return Err(wrong_type(&format!("a value in {}", self.what), EXPECTED, value));
        };
        self.step(py, Builder::begin_array)?;
        for item in items.iter() {
            self.add(&item)?;
        }
        self.step(py, Builder::end)
    }

    fn number(&mut self, value: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = value.py();
        let (whole, bytes) = if let Ok(float) = value.cast::<PyFloat>() {
            let float = float.value();
            if !float.is_finite() {
                let message = format!("a number in {} is infinite or not a number", self.what);
                return Err(error(py, "ERR_INVALID_ARG_TYPE", &message));
            }
            (whole_of(float), float.to_string().len())
        } else if let Ok(whole) = value.extract::<u64>() {
            (Some(whole), whole.to_string().len())
        } else {
            // The method of `int` itself is called, because a subclass may override it.
            let bits = py.get_type::<PyInt>().call_method1("bit_length", (value,))?;
            // A digit takes 3.32 bits.
            let digits = bits.extract::<usize>().unwrap_or(usize::MAX) / 3;
            (None, digits.saturating_add(2))
        };
        let object = value.clone();
        self.step(py, |builder| builder.number(Numeric { object, whole }, bytes))
    }

    fn text(
        &mut self,
        text: &Bound<'py, PyString>,
        add: impl FnOnce(&mut Builder<Numeric<'py>>, &str) -> Result<(), JsonError>,
    ) -> PyResult<()> {
        let what = format!("text in {}", self.what);
        let data = Data::of_text(text, &what)?;
        let utf8 = str::from_utf8(data.as_bytes()).map_err(|_| not_encodable(&what, text))?;
        self.step(text.py(), |builder| add(builder, utf8))
    }

    fn step(
        &mut self,
        py: Python<'_>,
        step: impl FnOnce(&mut Builder<Numeric<'py>>) -> Result<(), JsonError>,
    ) -> PyResult<()> {
        step(&mut self.builder).map_err(|refused| too_much(py, self.what, refused))
    }
}

/// Returns a float as a whole number, if it is one.
fn whole_of(float: f64) -> Option<u64> {
    // Every whole number up to 2^53 is exact.
    let is_whole = float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // it is whole and not negative
    is_whole.then_some(float as u64)
}

/// Converts a value to Python objects. Numbers stay the same objects; all others are new.
pub(crate) fn to_python<'py>(
    py: Python<'py>,
    value: Value<Numeric<'py>>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => PyBool::new(py, truth).to_owned().into_any(),
        Value::Number(number) => number.object,
        Value::String(text) => PyString::new(py, &text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (name, value) in members {
                dict.set_item(name, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}
