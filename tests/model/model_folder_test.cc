#include "cprobe/model/model_folder.h"

#include <nlohmann/json.hpp>

#include "cprobe/io/safetensors.h"
#include "cprobe/model/model.h"
#include "tests/support.h"
#include "tests/tiny_model.h"

namespace cprobe {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryFolder;
using testing::write_bytes;

/// Saves a model with other names of its tensors, and with further tensors.
void save_renamed(const Model& model, const fs::path& folder, const std::string& wrapper,
                  const std::map<std::string, at::Tensor>& more = {}) {
  save_model(model, folder);
  const SafetensorsFile file = SafetensorsFile::open(folder / "model.safetensors");
  std::map<std::string, at::Tensor> renamed = more;
  for (const auto& [name, info] : file.tensors()) renamed[wrapper + name] = file.tensor(name).clone();
  write_safetensors(folder / "model.safetensors", renamed);
}

TEST(ModelFolder, TakesOffTheWrappersOfAllNames) {
  const TemporaryFolder folder;
  const Model model = testing::drawn_model(testing::tiny_config());
  for (const char* wrapper : {"_orig_mod.", "module.", "_orig_mod.module.", "pretrained_model.", "model.",
                              "student.lm.", "_fsdp_wrapped_module.", "_forward_module._orig_mod."}) {
    SCOPED_TRACE(wrapper);
    save_renamed(model, folder / "wrapped", wrapper);
    const Model loaded = load_model(folder / "wrapped");
    EXPECT_EQ(fingerprint(loaded), fingerprint(model));
    EXPECT_THAT(loaded.notes, ElementsAre(HasSubstr(fmt::format("begin with '{}'", wrapper))));
  }
}

TEST(ModelFolder, HasNothingToNoteOfAPlainModel) {
  const TemporaryFolder folder;
  const Model model = testing::drawn_model(testing::llama_config());
  save_model(model, folder / "model");
  EXPECT_THAT(load_model(folder / "model").notes, IsEmpty());
}

TEST(ModelFolder, RefusesNamesOfAnotherForm) {
  const TemporaryFolder folder;
  ModelConfig config = testing::tiny_config();
  config.tied_unembedding = false;
  save_renamed(testing::drawn_model(config), folder / "model", "student_");
  EXPECT_INPUT_ERROR(load_model(folder / "model"), "no tensor 'lm_head.weight'");
}

TEST(ModelFolder, SaysThatCodeOfTheModelsOwnIsNotRun) {
  const TemporaryFolder folder;
  save_model(testing::drawn_model(testing::tiny_config()), folder / "model");
  auto config = nlohmann::json::parse(testing::read_bytes(folder / "model/config.json"));
  config["auto_map"] = {{"AutoConfig", "configuration_x.C"}};
  write_bytes(folder / "model/config.json", config.dump());
  EXPECT_THAT(load_model(folder / "model").notes, IsEmpty());
  config["auto_map"]["AutoModelForCausalLM"] = "modeling_x.X";
  write_bytes(folder / "model/config.json", config.dump());
  EXPECT_THAT(load_model(folder / "model").notes, ElementsAre(HasSubstr("the class 'modeling_x.X'")));
}

TEST(ModelFolder, NamesAnAdapterThatIsNotMerged) {
  const TemporaryFolder folder;
  const Model model = testing::drawn_model(testing::tiny_config());
  save_model(model, folder / "model");
  const SafetensorsFile file = SafetensorsFile::open(folder / "model/model.safetensors");
  std::map<std::string, at::Tensor> tensors = {{"transformer.h.0.attn.c_attn.lora_A.default.weight", at::ones({2, 8})}};
  for (const auto& [name, info] : file.tensors()) {
    const bool adapted = name == "transformer.h.0.attn.c_attn.weight";
    tensors[adapted ? "transformer.h.0.attn.c_attn.base_layer.weight" : name] = file.tensor(name).clone();
  }
  write_safetensors(folder / "model/model.safetensors", tensors);
  EXPECT_INPUT_ERROR(load_model(folder / "model"), "merge_and_unload");
}

TEST(ModelFolder, RefusesSeveralModelsInOneFile) {
  const TemporaryFolder folder;
  const Model model = testing::drawn_model(testing::tiny_config());
  save_renamed(model, folder / "model", "student.");
  const SafetensorsFile students = SafetensorsFile::open(folder / "model/model.safetensors");
  std::map<std::string, at::Tensor> teachers;
  for (const auto& [name, info] : students.tensors())
    teachers["teacher." + name.substr(8)] = students.tensor(name).clone();
  save_renamed(model, folder / "both", "student.", teachers);
  EXPECT_INPUT_ERROR(load_model(folder / "both"),
                     "holds several models, whose tensors begin with 'student.', 'teacher.'");
}

TEST(ModelFolder, LeavesOutAValueHead) {
  const TemporaryFolder folder;
  const Model model = testing::drawn_model(testing::tiny_config());
  for (const char* wrapper : {"", "pretrained_model."}) {
    SCOPED_TRACE(wrapper);
    save_renamed(model, folder / "model", wrapper, {{"v_head.summary.weight", at::ones({1, 8})}});
    const Model loaded = load_model(folder / "model");
    EXPECT_EQ(fingerprint(loaded), fingerprint(model));
    EXPECT_THAT(loaded.notes, Contains(HasSubstr("not used: v_head.summary.weight")));
  }
}

TEST(ModelFolder, RefusesOtherTensorsBesideTheWrappedModel) {
  const TemporaryFolder folder;
  save_renamed(testing::drawn_model(testing::tiny_config()), folder / "model", "pretrained_model.",
               {{"score.weight", at::ones({1, 8})}});
  EXPECT_INPUT_ERROR(load_model(folder / "model"), "score.weight': not part of a gpt2 model");
}

TEST(ModelFolder, IgnoresWhatIsComputedAnewWhereverItStands) {
  const TemporaryFolder folder;
  const Model model = testing::drawn_model(testing::llama_config());
  save_renamed(model, folder / "model", "",
               {{"model.rotary_emb.inv_freq", at::ones({3})},
                {"model.layers.0.self_attn.rotary_emb.cos_cached", at::ones({3})},
                {"model.embeddings.position_ids", at::ones({1, 3}, at::kLong)}});
  EXPECT_EQ(fingerprint(load_model(folder / "model")), fingerprint(model));
}

/// Of families whose config.json is kept as it was read, too.
TEST(ModelFolder, HasAFingerprintOfWhatChangesNumbers) {
  const TemporaryFolder folder;
  const std::string sizes = R"("model_type": "olmo", "vocab_size": 13, "max_position_embeddings": 7, "hidden_size": 8,
      "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12)";
  const auto fingerprint_with = [&](const std::string& more) {
    write_bytes(folder / "model/config.json", "{" + sizes + more + "}");
    return fingerprint(load_model(folder / "model"));
  };
  write_bytes(folder / "model/config.json", "{" + sizes + "}");
  save_model(random_model(read_model_config(folder / "model/config.json"), Seed(1)), folder / "model");
  const std::string plain = fingerprint_with("");
  EXPECT_EQ(fingerprint_with(R"(, "use_cache": false, "transformers_version": "9")"), plain);
  EXPECT_EQ(fingerprint_with(R"(, "torch_dtype": "bfloat16", "rope_theta": 10000.0)"), plain);
  EXPECT_NE(fingerprint_with(R"(, "clip_qkv": 2)"), plain);
  EXPECT_NE(fingerprint_with(R"(, "rope_theta": 500.0)"), plain);
}

TEST(ModelFolder, SaysWhatAFolderIsInstead) {
  const TemporaryFolder folder;
  write_bytes(folder / "adapter/adapter_config.json", "{}");
  EXPECT_INPUT_ERROR(load_model(folder / "adapter"), "is a PEFT adapter");
  EXPECT_INPUT_ERROR(load_model(folder / "adapter"), "merge_and_unload");
  save_model(testing::drawn_model(testing::tiny_config()), folder / "both");
  write_bytes(folder / "both/adapter_config.json", "{}");
  EXPECT_INPUT_ERROR(load_model(folder / "both"), "holds a PEFT adapter");
  write_bytes(folder / "models--a--b/snapshots/0123/config.json", "{}");
  write_bytes(folder / "models--a--b/refs/main", "0123");
  EXPECT_INPUT_ERROR(load_model(folder / "models--a--b"), "models--a--b/snapshots/0123");
  write_bytes(folder / "quantised/model-q4.gguf", "GGUF");
  EXPECT_INPUT_ERROR(load_model(folder / "quantised"), "holds a GGUF file (model-q4.gguf)");
  EXPECT_INPUT_ERROR(load_model(folder / "missing"), "no such folder");
  write_bytes(folder / "empty/notes.txt", "");
  EXPECT_INPUT_ERROR(load_model(folder / "empty"), "config.json");
  write_bytes(folder / "pointer/config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
  EXPECT_INPUT_ERROR(load_model(folder / "pointer"), "is a Git LFS pointer");
}

}  // namespace
}  // namespace cprobe
