// What the quick tier leaves out, and how long each takes: the one list that decides what belongs to which
// tier.

/**
 * The test files that only the full tier and the eighths play, with the seconds that each takes alone on two
 * cores. The seconds share them out: measure, do not guess. A file that takes more than ten seconds belongs
 * here, unless nothing else in the quick tier says what it says.
 */
export const EXHAUSTIVE: Readonly<Record<string, number>> = {
  "test/box/bundle.test.ts": 10,
  "test/box/commandFaults.test.ts": 25,
  "test/box/commands.test.ts": 9,
  "test/box/disturbed.test.ts": 720,
  "test/box/examples.test.ts": 120,
  "test/box/failingReads.test.ts": 300,
  "test/box/nodeVersions.test.ts": 13,
  "test/box/parametersAlone.test.ts": 60,
  "test/box/pythonClient.test.ts": 35,
  "test/box/restart.test.ts": 160,
  "test/box/run.test.ts": 60,
  "test/contract/callFaults.test.ts": 20,
  "test/contract/dataMemory.test.ts": 70,
  "test/contract/firestoreFuzz.test.ts": 10,
  "test/contract/firestoreOfficial.test.ts": 15,
  "test/contract/firestoreOfficialContract.test.ts": 25,
  "test/contract/functionBodies.test.ts": 15,
  "test/contract/hostileData.test.ts": 110,
  "test/contract/kerasExport.test.ts": 25,
  "test/contract/kerasNative.test.ts": 20,
  "test/contract/largeTable.test.ts": 60,
  "test/contract/rosterMemory.test.ts": 6,
  "test/contract/runtimeEnd.test.ts": 10,
  "test/contract/runtimeFaults.test.ts": 10,
  "test/contract/runtimeInstances.test.ts": 10,
  "test/contract/storeUnknownFields.test.ts": 12,
  "test/contract/tensorsNative.test.ts": 20,
  "test/functions/checks.test.ts": 35,
  "test/functions/chosenClients.test.ts": 9,
  "test/functions/contention.test.ts": 60,
  "test/functions/damagedDocuments.test.ts": 20,
  "test/functions/export.test.ts": 30,
  "test/functions/hangingClients.test.ts": 40,
  "test/functions/hostileClient.test.ts": 25,
  "test/functions/hostileRequests.test.ts": 40,
  "test/functions/hostileUpdates.test.ts": 20,
  "test/functions/missingRights.test.ts": 15,
  "test/functions/model.test.ts": 15,
  "test/functions/notebook.test.ts": 25,
  "test/functions/outsideNames.test.ts": 14,
  "test/functions/pythonFederation.test.ts": 20,
  "test/functions/recordedDocuments.test.ts": 12,
  "test/functions/refusedForGood.test.ts": 10,
  "test/functions/runCheck.test.ts": 15,
  "test/functions/setBack.test.ts": 12,
  "test/functions/toldFailures.test.ts": 15,
  "test/process/bundle/ownCode.test.ts": 30,
  "test/process/conformance/faults.test.ts": 110,
  "test/process/conformance/ownClient.test.ts": 60,
  "test/process/conformance/pythonClient.test.ts": 45,
  "test/process/examples/prepare.test.ts": 15,
  "test/process/own/clientDev.test.ts": 20,
  "test/process/setup/launch.test.ts": 15,
  "test/process/testing/eighths.test.ts": 60,
  "test/terraform/applied.test.ts": 40,
  "test/terraform/configuration.test.ts": 40,
  "test/terraform/gcloud.test.ts": 25,
  "test/terraform/mutations.test.ts": 196,
  "test/terraform/removal.test.ts": 20,
  "test/terraform/validations.test.ts": 100,
};

/**
 * Those whose cases are shared out over the eighths (`casesHere`), because the whole would not fit into one.
 */
export const SPLIT: readonly string[] = [
  "test/box/disturbed.test.ts",
  "test/box/failingReads.test.ts",
  "test/box/restart.test.ts",
  "test/terraform/mutations.test.ts",
];
