import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ARM_SURFACE_FILE, armSurfaceText } from '../scripts/armSurface.ts';

test('docs/arm-surface.md says what the route tables say', () => {
  assert.equal(
    readFileSync(ARM_SURFACE_FILE, 'utf8'),
    armSurfaceText(),
    'docs/arm-surface.md is out of date: node scripts/armSurface.ts',
  );
});
