//! rten: an ONNX engine in Rust, part of the binary. About three times slower than ONNX
//! Runtime, but nothing needs to be installed.

use std::path::Path;
use std::sync::Arc;

use ::rten::{Model, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use ::rten_tensor::TensorView;
use ::rten_tensor::prelude::*;

use super::{Loaded, Numbers, Runner, Tensor};

pub(super) struct RtenModel {
    model: Arc<Model>,
    threads: usize,
}

pub(super) fn load(file: &Path, threads: usize) -> Result<RtenModel, String> {
    let model = Model::load_file(file).map_err(|e| e.to_string())?;
    Ok(RtenModel { model: Arc::new(model), threads })
}

impl Loaded for RtenModel {
    fn runner(&self) -> Result<Box<dyn Runner>, String> {
        let model = Arc::clone(&self.model);
        let id = |id: &NodeId| {
            let name = model.node_info(*id).and_then(|info| info.name().map(str::to_owned));
            (*id, name.unwrap_or_default())
        };
        let outputs = model.output_ids().iter().map(id).collect();
        // By default rten computes on a pool of all cores; sessions run side by side, so
        // each gets its own threads and no more.
        let pool = Arc::new(ThreadPool::with_num_threads(self.threads.max(1)));
        Ok(Box::new(RtenRunner { model, outputs, pool }))
    }

    /// Making another costs next to nothing: the weights are shared.
    fn give_back(&self, _runner: Box<dyn Runner>) {}
}

struct RtenRunner {
    model: Arc<Model>,
    outputs: Vec<(NodeId, String)>,
    pool: Arc<ThreadPool>,
}

impl Runner for RtenRunner {
    fn run(
        &mut self,
        inputs: &[Tensor<'_>],
        read: &mut dyn FnMut(&[Tensor<'_>]),
    ) -> Result<(), String> {
        let mut feeds: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(inputs.len());
        for input in inputs {
            let id = self.model.node_id(input.name).map_err(|e| e.to_string())?;
            let feed: ValueOrView<'_> = match input.numbers {
                Numbers::F32(data) => view(input.shape, data)?.into(),
                Numbers::I32(data) => view(input.shape, data)?.into(),
                // rten keeps 64-bit integers as 32-bit ones.
                Numbers::I64(data) => {
                    let data: Vec<i32> =
                        data.iter().map(|n| i32::try_from(*n).unwrap_or(i32::MAX)).collect();
                    Value::from_shape(input.shape, data).map_err(|e| e.to_string())?.into()
                }
            };
            feeds.push((id, feed));
        }
        let ids: Vec<NodeId> = self.outputs.iter().map(|(id, _)| *id).collect();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let values = self.model.run(feeds, &ids, Some(options)).map_err(|e| e.to_string())?;
        let mut found = Vec::with_capacity(values.len());
        for (value, (_, name)) in values.into_iter().zip(&self.outputs) {
            found.push(match value {
                Value::FloatTensor(tensor) => Owned {
                    name,
                    shape: tensor.shape().to_vec(),
                    numbers: Data::F32(tensor.to_vec()),
                },
                Value::Int32Tensor(tensor) => Owned {
                    name,
                    shape: tensor.shape().to_vec(),
                    numbers: Data::I32(tensor.to_vec()),
                },
                other => {
                    return Err(format!(
                        "output {name} is of an unsupported type: {}",
                        other.dtype()
                    ));
                }
            });
        }
        let outputs: Vec<Tensor<'_>> = found.iter().map(Owned::borrow).collect();
        read(&outputs);
        Ok(())
    }
}

enum Data {
    F32(Vec<f32>),
    I32(Vec<i32>),
}

struct Owned<'a> {
    name: &'a str,
    shape: Vec<usize>,
    numbers: Data,
}

impl Owned<'_> {
    fn borrow(&self) -> Tensor<'_> {
        let numbers = match &self.numbers {
            Data::F32(numbers) => Numbers::F32(numbers),
            Data::I32(numbers) => Numbers::I32(numbers),
        };
        Tensor { name: self.name, shape: &self.shape, numbers }
    }
}

fn view<'a, T>(shape: &[usize], data: &'a [T]) -> Result<ValueView<'a>, String>
where
    ValueView<'a>: From<TensorView<'a, T>>,
{
    ValueView::from_shape(shape, data).map_err(|e| e.to_string())
}
