import { describe, expect, it } from 'vitest';
import { projectVersion } from '../host/version.ts';
import { CLIENT_NAME, PEER_ID_PREFIX, VERSION } from './product.ts';

describe('what the program says of itself', () => {
  it('is the version of its package', () => {
    expect(VERSION).toBe(projectVersion());
    expect(CLIENT_NAME).toBe(`Shoal ${VERSION}`);
  });

  it('is in its peer id, a digit for each part (BEP 20)', () => {
    const [major, minor, patch] = VERSION.split('.').map(Number);
    const digit = (part: number | undefined): string => part!.toString(36).toUpperCase();
    expect(PEER_ID_PREFIX).toBe(`-SH${digit(major)}${digit(minor)}${digit(patch)}0-`);
  });
});
