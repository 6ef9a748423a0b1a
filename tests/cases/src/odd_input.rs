use api::model::{Kind, Shape};
use serde_json::{Map, Value, json};

/// Input of a model's shapes, with values that lie at the edges; the same at every run (xorshift).
pub struct OddInput {
    state: u64,
    names: &'static [&'static str],
    texts: &'static [&'static str],
}

impl OddInput {
    /// Input whose texts are one of `names` as often as one of `texts`: names that mean something in many places, such as
    /// those of attributes, and whatever else something is made of.
    pub fn new(names: &'static [&'static str], texts: &'static [&'static str]) -> Self {
        Self { state: 0x5151_5151_5151_5151, names, texts }
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % sides as u64).unwrap()
    }

    /// A value of that shape; now and then one of another.
    pub fn value(&mut self, shape: &Shape) -> Value {
        if self.roll(60) == 0 {
            return [json!(null), json!(7), json!("x"), json!([]), json!({})][self.roll(5)].clone();
        }
        match &shape.kind {
            Kind::Structure(members) => {
                let mut object = Map::new();
                for member in *members {
                    if member.required || self.roll(3) == 0 {
                        object.insert(member.name.to_owned(), self.value(member.shape));
                    }
                }
                Value::Object(object)
            }
            Kind::List(list) => (0..self.roll(4)).map(|_| self.value(list.element)).collect(),
            Kind::Map(map) => Value::Object(
                (0..self.roll(4)).map(|_| (self.text(), self.value(map.value))).collect::<Map<_, _>>(),
            ),
            Kind::Integer(_) => {
                [json!(0), json!(1), json!(-1), json!(10), json!(43_200), json!(i64::MAX), json!(i64::MIN)]
                    [self.roll(7)]
                .clone()
            }
            Kind::Boolean => (self.roll(2) == 0).into(),
            Kind::Blob(_) => [json!(""), json!("AAE="), json!("!")][self.roll(3)].clone(),
            _ => self.text().into(),
        }
    }

    fn text(&mut self) -> String {
        let texts = if self.roll(2) == 0 { self.names } else { self.texts };
        texts[self.roll(texts.len())].to_owned()
    }
}
