// Finds the circuit of a variable in one component of a model, and asks whether the model needs it.
//
// usage: find_circuit MODEL TRAIN.csv TEST.csv VARIABLE COMPONENT CIRCUIT.safetensors
#include <cprobe/cprobe.h>

#include <cstdio>
#include <vector>

namespace {

void show(const cprobe::Progress& progress) {
  fmt::print(stderr, "{}: {} of {} {}\n", progress.what, progress.done, progress.total, progress.note);
}

void find(const std::vector<std::string>& arguments) {
  const cprobe::Model model = cprobe::load_model(arguments[0]);
  const cprobe::Dataset train = cprobe::load_token_csv(arguments[1], model.config.vocab);
  const cprobe::Dataset test = cprobe::load_token_csv(arguments[2], model.config.vocab);
  const cprobe::ComponentRef component = cprobe::parse_component(arguments[4]);

  const cprobe::FoundCircuit found = cprobe::find_circuit(model, train, test, arguments[3], component, {}, show);
  fmt::print("{} of {} weights; decoded from the circuit: {:.3f}, from the whole component: {:.3f}\n",
             found.circuit.n_weights(), found.circuit.max_weights(), found.findings.knn.test.mean,
             found.findings.full_knn.test.mean);

  const cprobe::Findings::OnEvaluationSet ablated = cprobe::ablate(model, found.circuit, train, test);
  fmt::print("task accuracy, untouched: {:.3f}, without the circuit: {:.3f}\n", ablated.untouched,
             ablated.circuit()->accuracy.mean);

  cprobe::save_circuit(found.circuit, arguments[5]);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 7) throw cprobe::input_error("usage: {} MODEL TRAIN.csv TEST.csv VARIABLE COMPONENT CIRCUIT", argv[0]);
    find({argv + 1, argv + argc});
  } catch (const cprobe::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
