// Editing a camera's lines and zones from the settings that were read to those that are saved.

import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { CameraSettings } from '../api/client';
import { cameraChanged, Conflict, readSettings, saveSettings } from '../api/queries';
import { useTexts } from '../i18n';
import type { Point } from '../lib/geometry';
import { done, failed } from '../ui/notify';
import { add, added, begin, redo, same, step, undo, type Attempt, type Change, type Draft, type Kind, type Past, type Place, type Refusal } from './draft';

interface Editing {
  /** The settings that the editing began with. */
  base: CameraSettings;
  saved: Draft;
  past: Past;
}

function draftOf(settings: CameraSettings): Draft {
  // The API gives points as lists of numbers; it has checked that there are two.
  return { lines: settings.lines ?? {}, zones: settings.zones ?? {} } as unknown as Draft;
}

export function useEditor(camera: string) {
  const { t } = useTexts();
  const client = useQueryClient();
  const [editing, setEditing] = useState<Editing>();
  const [selected, select] = useState<Place>();
  const [drawing, setDrawing] = useState<Kind>();
  const [refusal, setRefusal] = useState<{ refused: Refusal; attempt?: Attempt }>();
  // Lines and zones that were saved just now and have not counted what was before.
  const [fresh, setFresh] = useState<Place[]>([]);
  const [theirs, setTheirs] = useState<CameraSettings>();
  const [saving, setSaving] = useState(false);

  const start = (settings: CameraSettings) => {
    const draft = draftOf(settings);
    setEditing({ base: settings, saved: draft, past: begin(draft) });
    select(undefined);
    setDrawing(undefined);
    setRefusal(undefined);
    setTheirs(undefined);
  };
  const open = async () => {
    setFresh([]);
    try {
      start(await readSettings(camera));
    } catch (error) {
      failed(t('editor.failed'), error);
    }
  };
  const close = () => setEditing(undefined);

  const change = (outcome: Change, merge: boolean) => {
    if ('refused' in outcome) {
      setRefusal(outcome);
      return;
    }
    setRefusal(undefined);
    select(outcome.at);
    setEditing((now) => now && { ...now, past: step(now.past, outcome.draft, merge) });
  };
  const travel = (how: (past: Past) => Past) => () => {
    select(undefined);
    setRefusal(undefined);
    setEditing((now) => now && { ...now, past: how(now.past) });
  };
  const draw = (kind: Kind | undefined) => {
    setDrawing(kind);
    setRefusal(undefined);
    if (kind) select(undefined);
  };
  const drawn = (kind: Kind, points: Point[]) => {
    if (!editing) return;
    setDrawing(undefined);
    change(add(editing.past.now, kind, points), false);
  };

  const put = async (from: CameraSettings) => {
    if (!editing) return;
    const { base } = editing;
    const draft = editing.past.now;
    setSaving(true);
    try {
      const settings = { ...from, lines: draft.lines, zones: draft.zones } as unknown as CameraSettings;
      await saveSettings(camera, from, settings);
      await cameraChanged(client, camera);
      done(t('saved'));
      setFresh(added(editing.saved, draft));
      // What was drawn while it was being saved stays, and is still to be saved.
      setEditing((now) => {
        if (now?.base !== base) return now;
        return same(now.past.now, draft) ? undefined : { ...now, base: settings, saved: draft };
      });
      setTheirs(undefined);
    } catch (error) {
      if (error instanceof Conflict) setTheirs(error.theirs);
      else failed(t('save.failed'), error);
    } finally {
      setSaving(false);
    }
  };

  return {
    draft: editing?.past.now,
    selected,
    drawing,
    refused: refusal?.refused,
    attempt: refusal?.attempt,
    fresh,
    saving,
    conflict: theirs !== undefined,
    dirty: editing !== undefined && !same(editing.saved, editing.past.now),
    canUndo: (editing?.past.before.length ?? 0) > 0,
    canRedo: (editing?.past.after.length ?? 0) > 0,
    open,
    close,
    select,
    draw,
    drawn,
    change,
    cancel: () => setDrawing(undefined),
    undo: travel(undo),
    redo: travel(redo),
    save: () => editing && void put(editing.base),
    // Lines and zones as drawn here, everything else as the others have saved it.
    overwrite: () => theirs && void put(theirs),
    forgetFresh: () => setFresh([]),
    takeTheirs: () => theirs && start(theirs),
  };
}
