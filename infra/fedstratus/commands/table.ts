// Every command. A new one is a file beside this one and a row here.
import type { Command } from "../frame/command.ts";
import { check } from "./check.ts";
import { clientAdd } from "./client/add.ts";
import { clientCheck } from "./client/check.ts";
import { clientImport } from "./client/import.ts";
import { clientList } from "./client/list.ts";
import { clientRemove } from "./client/remove.ts";
import { clientShow } from "./client/show.ts";
import { completion } from "./completion.ts";
import { dataConvert } from "./data/convert.ts";
import { dataInspect } from "./data/inspect.ts";
import { dataSplit } from "./data/split.ts";
import { doctor } from "./doctor.ts";
import { estimate } from "./estimate.ts";
import { init } from "./init.ts";
import { modelDownload } from "./model/download.ts";
import { modelEvaluate } from "./model/evaluate.ts";
import { modelExport } from "./model/export.ts";
import { modelList } from "./model/list.ts";
import { profileAdd } from "./profile/add.ts";
import { profileList } from "./profile/list.ts";
import { profileRemove } from "./profile/remove.ts";
import { profileShow } from "./profile/show.ts";
import { profileUse } from "./profile/use.ts";
import { repositoryCommands } from "./repository.ts";
import { roundList } from "./round/list.ts";
import { roundShow } from "./round/show.ts";
import { roundTrigger } from "./round/trigger.ts";
import { runActions } from "./run/act.ts";
import { runCreate } from "./run/create.ts";
import { runDiff } from "./run/diff.ts";
import { runExport } from "./run/export.ts";
import { runList } from "./run/list.ts";
import { runShow } from "./run/show.ts";
import { runWatch } from "./run/watch.ts";
import { schemaCommand } from "./schema.ts";
import { train } from "./train.ts";
import { whoami } from "./whoami.ts";

export const GROUPS: Readonly<Record<string, string>> = {
  run: "Runs: create, follow, steer, compare and export them.",
  round: "Rounds of a run.",
  client: "Clients: register, check and retire them.",
  model: "Model versions of a run.",
  data: "Data of your own, on this machine: look at them, convert and split them.",
  profile: "The deployments that you work with.",
};

export const COMMANDS: readonly Command[] = [
  init,
  train,
  check,
  estimate,
  runCreate,
  runList,
  runShow,
  runWatch,
  ...runActions,
  runDiff,
  runExport,
  roundList,
  roundShow,
  roundTrigger,
  clientAdd,
  clientImport,
  clientList,
  clientShow,
  clientRemove,
  clientCheck,
  modelList,
  modelDownload,
  modelExport,
  modelEvaluate,
  dataInspect,
  dataConvert,
  dataSplit,
  profileAdd,
  profileUse,
  profileList,
  profileShow,
  profileRemove,
  ...repositoryCommands,
  whoami,
  doctor,
  completion,
  schemaCommand(() => COMMANDS),
];
