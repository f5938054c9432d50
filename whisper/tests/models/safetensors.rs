//! A safetensors file that can be taken apart and put together wrongly.
use std::{fs, path::Path};

use serde_json::{Map, Value, json};

#[derive(Default)]
pub struct Safetensors {
    pub header: Map<String, Value>,
    pub data: Vec<u8>,
}

impl Safetensors {
    pub fn read(path: &Path) -> Self {
        let file = fs::read(path).unwrap();
        let (len, rest) = file.split_first_chunk::<8>().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*len) as usize);
        Self {
            header: serde_json::from_slice(header).unwrap(),
            data: data.to_vec(),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let header = Value::Object(self.header.clone()).to_string().into_bytes();
        let len = (header.len() as u64).to_le_bytes();
        [&len[..], &header, &self.data].concat()
    }

    pub fn write(&self, path: &Path) {
        fs::write(path, self.to_bytes()).unwrap();
    }

    pub fn names(&self) -> Vec<String> {
        self.header
            .keys()
            .filter(|n| *n != "__metadata__")
            .cloned()
            .collect()
    }

    pub fn rename(&mut self, from: &str, to: &str) {
        let entry = self.header.remove(from).unwrap();
        self.header.insert(to.to_owned(), entry);
    }

    fn range(&self, name: &str) -> std::ops::Range<usize> {
        let offset = |i: usize| self.header[name]["data_offsets"][i].as_u64().unwrap() as usize;
        offset(0)..offset(1)
    }

    pub fn array(&self, name: &str) -> &[u8] {
        &self.data[self.range(name)]
    }

    pub fn array_mut(&mut self, name: &str) -> &mut [u8] {
        let range = self.range(name);
        &mut self.data[range]
    }

    pub fn push(&mut self, name: &str, dtype: &str, shape: &[u64], bytes: &[u8]) {
        let start = self.data.len();
        self.data.extend(bytes);
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, self.data.len()]});
        self.header.insert(name.to_owned(), entry);
    }
}
